"""What the data API costs: memory and time of each batch, in each form: ``python bench/data_api.py``.

With ``DATA_PATH`` set the real file is served, else the synthetic cohort; the server is a process of its own.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

SERVE = "from readmission import cli; cli.data_api()"
PARQUET = "application/vnd.apache.parquet"


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        for start in ("first start", "second start"):
            _measure(start, cache)


def _measure(start: str, cache: str) -> None:
    port = _free_port()
    # an address that refuses at once: the synthetic cohort, unless DATA_PATH is set
    environment = {"UCI_URL": f"http://127.0.0.1:{port}/", **os.environ}
    environment |= {"DATA_CACHE": cache, "DATA_API_PORT": str(port), "BATCH_INTERVAL_SECONDS": "0"}
    began = time.perf_counter()
    server = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait(client)
            print(f"{start}: ready after {time.perf_counter() - began:.1f} s, {_memory(server.pid)}")
            _batches(client)
            print(f"  memory after all batches in all forms: {_memory(server.pid)}")
    finally:
        server.terminate()
        server.wait()


def _batches(client: httpx.Client) -> None:
    manifest = client.get("/batches").json()
    print(f"  {sum(batch['rows'] for batch in manifest['batches'])} rows, source {manifest['source']}")
    numbers = range(1, manifest["published"] + 1)
    forms = {
        "Parquet": {"Accept": PARQUET},
        "Parquet again": {"Accept": PARQUET},
        "gzipped JSON": {"Accept-Encoding": "gzip"},
        "gzipped JSON again": {"Accept-Encoding": "gzip"},
        "plain JSON": {"Accept-Encoding": "identity"},
    }
    for form, headers in forms.items():
        times, sizes = zip(*(_fetch(client, number, headers) for number in numbers), strict=True)
        print(
            f"  {form:20} median {statistics.median(times) * 1000:6.1f} ms, worst {max(times) * 1000:6.1f} ms,"
            f" {max(sizes) / 1e6:5.2f} MB"
        )


def _fetch(client: httpx.Client, number: int, headers: dict[str, str]) -> tuple[float, int]:
    began = time.perf_counter()
    with client.stream("GET", f"/get_data?batch_number={number}", headers=headers) as response:
        response.raise_for_status()
        size = sum(len(piece) for piece in response.iter_raw())
    return time.perf_counter() - began, size


def _memory(pid: int) -> str:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    now, highest = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return f"{now:.0f} MB now, {highest:.0f} MB at most"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(client: httpx.Client) -> None:
    for _ in range(1_200):
        try:
            client.get("/health")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the data API does not start")


if __name__ == "__main__":
    main()
