"""Measures a worker beyond its knee: offered rates of /predict, what is answered, what is refused, and how fast.

``python bench/overload.py [--seconds 5] [--connections 500]``. Requests start at even intervals, whether or not earlier
ones were answered; latency counts from the intended start. The server has one worker. It takes about a minute.
"""

import argparse
import asyncio
import collections
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from serving import Server, encounters, load, serving, synthetic_frame, trained

from readmission.domain.horizon import HORIZON_NAMES

HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class Caller(asyncio.Protocol):
    """A keep-alive connection that sends the next due request when it is free."""

    def __init__(self, request: bytes, due: collections.deque[float], seen: dict[int, list[float]]) -> None:
        self._request, self._due, self._seen = request, due, seen
        self._intended: float | None = None
        self._answer = b""
        self._transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for work."""
        self._transport = transport

    def work(self) -> None:
        """Send the oldest request that is due, unless one is under way."""
        if self._intended is None and self._due:
            self._intended = self._due.popleft()
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note the answer when it is whole: every one is a JSON object."""
        self._answer += data
        if self._intended is not None and self._answer.endswith(b"}"):
            self._seen[int(self._answer[9:12])].append(time.perf_counter() - self._intended)
            self._intended, self._answer = None, b""
            self.work()


async def offer(port: int, request: bytes, rate: float, seconds: float, connections: int) -> dict[int, list[float]]:
    """Latencies in seconds by status, of ``rate`` requests a second."""
    loop, due = asyncio.get_running_loop(), collections.deque[float]()
    seen = collections.defaultdict[int, list[float]](list)
    callers = [
        (await loop.create_connection(lambda: Caller(request, due, seen), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    started, offered = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        while offered < rate * passed:
            due.append(started + offered / rate)
            offered += 1
        for caller in callers:
            caller.work()
        await asyncio.sleep(0.001)
    seen[0] = [seconds] * len(due)
    return seen


def report(rate: float, seconds: float, seen: dict[int, list[float]]) -> None:
    """Print one rate's answers."""
    shown = []
    for status in (200, 503):
        found = sorted(seen[status])
        p50, p99 = (1000 * found[int(len(found) * part)] if found else 0 for part in (0.5, 0.99))
        shown.append(f"{status}: {len(found) / seconds:7,.0f} /s p50 {p50:6.0f} ms p99 {p99:6.0f} ms")
    print(f"offered {rate:7,.0f} /s  {'  '.join(shown)}  never sent {len(seen[0]) / seconds:6,.0f} /s", flush=True)


def knee(server: Server, bodies: list[bytes]) -> float:
    """What the worker can do, in requests a second."""
    uvloop.run(load(server.port, bodies, 1000, 16))
    found = uvloop.run(load(server.port, bodies, 5000, 16))
    return len(found.latencies) / found.seconds


def main() -> None:
    """Offer half of what the worker can do, all of it, and more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=500)
    options = parser.parse_args()
    frame = synthetic_frame(5000, 0)
    models = {horizon: trained("lightgbm", frame, horizon) for horizon in HORIZON_NAMES}
    bodies = [json.dumps(row).encode() for row in encounters(frame.tail(1000))]
    request = HEAD % (len(bodies[0]), bodies[0])
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), models, None) as server:
        most = knee(server, bodies)
        for share in (0.5, 1, 1.5, 3):
            seen = uvloop.run(offer(server.port, request, share * most, options.seconds, options.connections))
            report(share * most, options.seconds, seen)


if __name__ == "__main__":
    main()
