"""Measures the inference API: what each part of /predict costs, and the rows/s of /predict_batch by format.

``python bench/serving.py [--candidate lightgbm] [--database URL] [--requests 20000] [--connections 8]``

The rungs of the ladder: a bare ASGI application that answers a constant; our path with a constant answer; the whole
path without a log; the whole path with each prediction in the log. The last two are the server as it is deployed, with
one worker and models of a candidate that were trained on synthetic encounters. CPU time is the worker's: it depends
little on what else the machine does. The rungs are measured in turn, several times; compare those of one run only.
Without ``--database``, the log is shipped to a SQLite file.
"""

import argparse
import asyncio
import base64
import hashlib
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pandas as pd
import psutil
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from readmission.adapters.registry import ModelVersion
from readmission.adapters.signatures import Signer
from readmission.domain import cleaning
from readmission.domain.horizon import HORIZON_NAMES, HORIZONS, HorizonName
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES, NAME_OF_RAW
from readmission.domain.statement import PROMOTED
from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.modeling.export import export
from readmission.modeling.fit import fit
from readmission.serving.fast_path import FastPath
from readmission.serving.metrics import Metrics
from readmission.serving.model_cache import ModelCache
from readmission.serving.tally import Tally
from readmission.synthetic.cohort import cohort

BATCH_ROWS = 10_000
WARM_UP = 1_000
BATCH_REPEATS = 5
ROUNDS = 5
# as large as an answer
CONSTANT = b"x" * 680
SERVE = "from readmission import cli; cli.serve()"


@dataclass(frozen=True)
class Load:
    """The result of a load: its duration in seconds, and the sorted latencies in seconds."""

    seconds: float
    latencies: list[float]

    def milliseconds(self, percent: float) -> float:
        """The percentile ``percent`` (0 to 100) of the latencies, in milliseconds."""
        return 1000 * self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))]


class Connection(asyncio.Protocol):
    """A keep-alive connection. It sends the next request when the last one is answered."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._latencies = latencies
        self._done = done
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Collect the response. When it is complete, record its latency and send the next request."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            return
        self._latencies.append(time.perf_counter() - self._started)
        if not head.startswith(b"HTTP/1.1 200"):
            self._done.set_exception(RuntimeError(self._answer.decode()))
            return
        self._answer = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the load when the connection ends before the last response."""
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        request = next(self._requests, None)
        self._started = time.perf_counter()
        if request is not None:
            self._transport.write(request)
        elif not self._done.done():
            self._done.set_result(None)
            self._transport.close()


async def load(port: int, bodies: list[bytes], requests: int, connections: int) -> Load:
    """Send ``requests`` requests over ``connections`` connections. ``bodies`` are sent in turn."""
    head = (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    )
    rendered = [head % (len(body), body) for body in bodies]
    pending = (rendered[number % len(rendered)] for number in range(requests))
    loop, latencies = asyncio.get_running_loop(), list[float]()
    done = [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    for future in done:
        await loop.create_connection(lambda future=future: Connection(pending, latencies, future), "127.0.0.1", port)
    await asyncio.gather(*done)
    return Load(time.perf_counter() - started, sorted(latencies))


def trained(candidate: str, frame: pd.DataFrame, horizon: HorizonName) -> bytes:
    """The model file of a candidate that is trained on clean encounters."""
    pipeline = fit(candidate, frame, horizon, 0)
    now = datetime.now(UTC)
    return export(pipeline, ModelFileMetadata(horizon, 0.5, 0.4, 0.6, "synthetic", candidate, True, "0" * 64, now))


def synthetic_frame(rows: int, seed: int) -> pd.DataFrame:
    """The clean encounters of a synthetic cohort of ``rows`` raw ones."""
    raw = pd.DataFrame(cohort(rows, seed)).rename(columns=NAME_OF_RAW)
    return cleaning.clean(cleaning.validate_raw(raw)).frame


def encounters(frame: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of a clean frame as request bodies by feature name. Unknown values are None."""
    features = frame.loc[:, list(FEATURE_NAMES)].astype(object)
    return features.where(features.notna(), None).to_dict("records")


@dataclass(frozen=True)
class Server:
    """A running server. Its CPU time gives the throughput of a whole core, even on a busy machine."""

    pid: int
    worker: int
    port: int
    grpc_port: int

    def cpu_seconds(self) -> float:
        """The CPU time of the worker so far, user and system. The supervisor's has the log's way to the database."""
        return sum(psutil.Process(self.worker).cpu_times()[:2])


@contextmanager
def serving(directory: Path, models: Mapping[HorizonName, bytes], database: str | None) -> Iterator[Server]:
    """Run a server with one worker. It finds no registry, so it loads ``models`` from its cache of the last models."""
    signer = Signer(base64.urlsafe_b64encode(os.urandom(32)).decode())
    for horizon, model in models.items():
        name, digest = HORIZONS[horizon].model_name("diabetes_classifier"), hashlib.sha256(model).hexdigest()
        version = ModelVersion(name, "1", "bench", digest, datetime.now(UTC), {})
        signed = replace(version, tags=signer.sign(version, PROMOTED))
        ModelCache(directory / "models", name).remember(signed, model)
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as free_too:
        port, grpc_port = free.getsockname()[1], free_too.getsockname()[1]
    environment = os.environ | {
        "INFERENCE_PORT": str(port), "INFERENCE_GRPC_PORT": str(grpc_port), "INFERENCE_WORKERS": "1",
        "SERVING_DIR": str(directory),
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MODEL_POLL_SECONDS": "3600", "HORIZONS": ",".join(models),
        "INFERENCE_DATABASE_URL": database or "", "GATE_PUBLIC_KEY": signer.public_key,
    }  # fmt: skip
    server = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stderr=subprocess.DEVNULL)
    try:
        _wait_ready(port, len(models))
        children = psutil.Process(server.pid).children()
        (worker,) = [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]
        yield Server(server.pid, worker, port, grpc_port)
    finally:
        server.terminate()
        server.wait(30)


def _wait_ready(port: int, horizons: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if len(httpx.get(f"http://127.0.0.1:{port}/ready").json().get("horizons", [])) == horizons:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TimeoutError("the server did not get ready")


async def bare_app(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The least that an ASGI application can do."""
    headers = [(b"content-length", b"%d" % len(CONSTANT)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": CONSTANT})


def constant_app() -> ASGIApp:
    """Our path with a constant in the place of an answer."""
    tally = Tally(Metrics(), "/predict")
    return FastPath(bare_app, lambda *_: CONSTANT, keys=(), max_body_bytes=100_000, answered=tally.answered)


@contextmanager
def uvicorn_of(application: str, *options: str) -> Iterator[Server]:
    """One uvicorn process with an application of this file, on the loop and the parser that our server has."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", f"serving:{application}", "--port", str(port), *options]
    quiet = ["--no-access-log", "--log-level", "error", "--lifespan", "off", "--no-server-header", "--no-proxy-headers"]
    process = subprocess.Popen(command + quiet, cwd=Path(__file__).parent)
    try:
        _wait_open(port)
        yield Server(process.pid, process.pid, port)
    finally:
        process.terminate()
        process.wait(30)


def _wait_open(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the server did not start")


def bench_ladder(rungs: Mapping[str, Server], bodies: list[bytes], requests: int, connections: int) -> None:
    """Measure the rungs in turn, several times, and print each one's medians."""
    found = dict[str, list[tuple[float, Load]]]()
    for number in range(ROUNDS + 1):
        for name, server in rungs.items():
            cpu = server.cpu_seconds()
            shown = uvloop.run(load(server.port, bodies, requests if number else WARM_UP, connections))
            if number:
                found.setdefault(name, []).append(((server.cpu_seconds() - cpu) / requests, shown))
    bare = statistics.median(cpu for cpu, _ in next(iter(found.values())))
    for name, measured in found.items():
        cpus = sorted(cpu for cpu, _ in measured)
        cpu = statistics.median(cpus)
        wall = requests / statistics.median(shown.seconds for _, shown in measured)
        p50, p99 = (statistics.median(shown.milliseconds(percent) for _, shown in measured) for percent in (50, 99))
        span = f"({1e6 * cpus[0]:.0f}-{1e6 * cpus[-1]:.0f})"
        rate = f"{1e6 * cpu:7.1f} us CPU {span:>10}  {1 / cpu:8,.0f} a core-second  {bare / cpu:5.2f} of bare"
        print(f"{name:<26} {rate}  {wall:8,.0f} /s wall  p50 {p50:.2f} ms  p99 {p99:.2f} ms", flush=True)


def bench_batch(name: str, server: Server, frame: pd.DataFrame) -> None:
    """Print the row rates of ``/predict_batch`` as JSON, CSV and Parquet."""
    table = frame.loc[:, list(FEATURE_NAMES)]
    parquet = io.BytesIO()
    table.to_parquet(parquet, index=False)
    bodies = {
        "application/json": json.dumps(encounters(frame)).encode(),
        "text/csv": table.to_csv(index=False).encode(),
        "application/vnd.apache.parquet": parquet.getvalue(),
    }
    for media_type, body in bodies.items():
        cpu = server.cpu_seconds()
        seconds = [batch_seconds(server.port, media_type, body, len(frame)) for _ in range(BATCH_REPEATS)]
        cpu = (server.cpu_seconds() - cpu) / BATCH_REPEATS
        median = statistics.median(seconds)
        rates = f"{len(frame) / median:9,.0f} rows/s  {median:.3f} s  {cpu:.3f} s CPU"
        print(f"/predict_batch {name:<14} {media_type:<32} {rates}", flush=True)


def batch_seconds(port: int, media_type: str, body: bytes, rows: int) -> float:
    url, headers = f"http://127.0.0.1:{port}/predict_batch", {"Content-Type": media_type}
    started = time.perf_counter()
    answer = httpx.post(url, content=body, headers=headers, timeout=60)
    seconds = time.perf_counter() - started
    if answer.json()["predicted"] != rows:
        raise RuntimeError(f"{answer.status_code}: {answer.text[:500]}")
    return seconds


def main() -> None:
    """Read the options, train the candidate, measure the ladder and the batches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", default="lightgbm", choices=CANDIDATE_NAMES)
    parser.add_argument("--database", help="SQLAlchemy URL of an inference database; default: a SQLite file")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--no-batches", action="store_true", help="measure the ladder of /predict only")
    options = parser.parse_args()
    frame = synthetic_frame(3 * BATCH_ROWS, 0)
    models = {horizon: trained(options.candidate, frame, horizon) for horizon in HORIZON_NAMES}
    bodies = [json.dumps(row).encode() for row in encounters(frame.tail(1000))]
    print(f"{options.candidate}, {sum(map(len, models.values())):,} bytes of models")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        database = options.database or f"sqlite:///{folder}/inference.db"
        rungs = {
            "bare ASGI": stack.enter_context(uvicorn_of("bare_app")),
            "constant through our path": stack.enter_context(uvicorn_of("constant_app", "--factory")),
            "whole path": stack.enter_context(serving(Path(folder) / "without", models, None)),
            "whole path with the log": stack.enter_context(serving(Path(folder) / "with", models, database)),
        }
        bench_ladder(rungs, bodies, options.requests, options.connections)
        if not options.no_batches:
            bench_batch("with the log", rungs["whole path with the log"], frame.head(BATCH_ROWS))


if __name__ == "__main__":
    main()
