"""Measures the inference API: requests/s and latency of /predict, rows/s of /predict_batch, with one and two horizons.

``python bench/serving.py [--candidate lightgbm] [--database URL] [--requests 20000] [--connections 16]``

The server has one worker process and models of a candidate that were trained on synthetic encounters. This process
calls it over loopback. Without ``--database``, the prediction log is a SQLite file. It also compares, without a server,
a session for each horizon with one session over both graphs. It takes about two minutes.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import psutil
import uvloop
from onnx import compose, helper

from readmission.adapters.registry import ModelVersion
from readmission.adapters.signatures import Signer
from readmission.domain import cleaning
from readmission.domain.encoding import encode
from readmission.domain.horizon import HORIZON_NAMES, HORIZONS, HorizonName
from readmission.domain.model_file import INPUT, OUTPUT, ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES, NAME_OF_RAW
from readmission.domain.statement import PROMOTED
from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.modeling.export import export
from readmission.modeling.fit import fit
from readmission.serving.model_cache import ModelCache
from readmission.synthetic.cohort import cohort

BATCH_ROWS = 10_000
WARM_UP = 1_000
BATCH_REPEATS = 5
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
    port: int
    grpc_port: int

    def cpu_seconds(self) -> float:
        """The CPU time of the supervisor and its worker so far, user and system."""
        parent = psutil.Process(self.pid)
        return sum(sum(process.cpu_times()[:2]) for process in (parent, *parent.children()))


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
        yield Server(server.pid, port, grpc_port)
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


def bench_predict(name: str, server: Server, bodies: list[bytes], requests: int, connections: int) -> None:
    """Print the rates and latencies of ``/predict``, over ``connections`` connections and over one."""
    uvloop.run(load(server.port, bodies, WARM_UP, connections))
    for count, parallel in ((requests, connections), (max(requests // 10, 1), 1)):
        cpu = server.cpu_seconds()
        shown = uvloop.run(load(server.port, bodies, count, parallel))
        cpu = (server.cpu_seconds() - cpu) / count
        latencies = "".join(f"{shown.milliseconds(percent):8.2f}" for percent in (50, 95, 99))
        rates = f"{count / shown.seconds:9,.0f} /s  {1000 * cpu:6.2f} ms CPU  {1 / cpu:7,.0f} /s and core"
        print(f"/predict {name:<14} {parallel:3d} connections {rates}  {latencies}", flush=True)


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
        seconds = [_batch_seconds(server.port, media_type, body, len(frame)) for _ in range(BATCH_REPEATS)]
        cpu = (server.cpu_seconds() - cpu) / BATCH_REPEATS
        median = statistics.median(seconds)
        rates = f"{len(frame) / median:9,.0f} rows/s  {median:.3f} s  {cpu:.3f} s CPU"
        print(f"/predict_batch {name:<14} {media_type:<32} {rates}", flush=True)


def _batch_seconds(port: int, media_type: str, body: bytes, rows: int) -> float:
    url, headers = f"http://127.0.0.1:{port}/predict_batch", {"Content-Type": media_type}
    started = time.perf_counter()
    answer = httpx.post(url, content=body, headers=headers, timeout=60)
    seconds = time.perf_counter() - started
    if answer.json()["predicted"] != rows:
        raise RuntimeError(f"{answer.status_code}: {answer.text[:500]}")
    return seconds


def bench_sessions(models: Mapping[HorizonName, bytes], matrix: np.ndarray) -> None:
    """Print the CPU time of one model, of a session for each, and of one session over the merged graphs."""
    first, *_ = sessions = [session_of(data) for data in models.values()]
    started = time.process_time()
    joined = session_of(merged(list(models.values())))
    print(f"merging and loading takes {1000 * (time.process_time() - started):.0f} ms CPU at each swap")
    ways: dict[str, Callable[[np.ndarray], object]] = {
        "one model": lambda rows: first.run([OUTPUT], {INPUT: rows}),
        "a session each": lambda rows: [session.run([OUTPUT], {INPUT: rows}) for session in sessions],
        "merged graphs": lambda rows: joined.run(None, {INPUT: rows}),
    }
    for rows, repeats in ((1, 5000), (BATCH_ROWS, 5)):
        for name, run in ways.items():
            cpu = min(_cpu_seconds(run, matrix[:rows], repeats) for _ in range(5))
            print(f"{name:<16} {rows:6,d} rows {1e6 * cpu:12,.1f} us CPU", flush=True)


def session_of(data: bytes) -> ort.InferenceSession:
    """A session with one thread, as the server's sessions have."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def merged(files: Sequence[bytes]) -> bytes:
    """One model with the input of ``files``, which it passes to each, and all their outputs."""
    models = [compose.add_prefix(onnx.load_from_string(data), f"{number}_") for number, data in enumerate(files)]
    kind = models[0].graph.input[0].type.tensor_type
    shape = [dimension.dim_value or None for dimension in kind.shape.dim]
    inputs = [helper.make_tensor_value_info(INPUT, kind.elem_type, shape)]
    copies = [helper.make_tensor_value_info(f"to_{number}", kind.elem_type, shape) for number in range(len(models))]
    nodes = [helper.make_node("Identity", [INPUT], [copy.name]) for copy in copies]
    found = helper.make_model(
        helper.make_graph(nodes, "shared_input", inputs, copies),
        opset_imports=models[0].opset_import,
        ir_version=models[0].ir_version,
    )
    for number, model in enumerate(models):
        model.ClearField("metadata_props")
        found = compose.merge_models(found, model, io_map=[(f"to_{number}", f"{number}_{INPUT}")])
    return bytes(found.SerializeToString())


def _cpu_seconds(run: Callable[[np.ndarray], object], rows: np.ndarray, repeats: int) -> float:
    run(rows)
    started = time.process_time()
    for _ in range(repeats):
        run(rows)
    return (time.process_time() - started) / repeats


def main() -> None:
    """Read the options, train the candidate and measure the server without and with a prediction log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", default="lightgbm", choices=CANDIDATE_NAMES)
    parser.add_argument("--database", help="SQLAlchemy URL of an inference database; default: a SQLite file")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    frame = synthetic_frame(3 * BATCH_ROWS, 0)
    models = {horizon: trained(options.candidate, frame, horizon) for horizon in HORIZON_NAMES}
    batch = frame.head(BATCH_ROWS)
    bodies = [json.dumps(row).encode() for row in encounters(frame.tail(1000))]
    print(f"{options.candidate}, {sum(map(len, models.values())):,} bytes of models")
    bench_sessions(models, encode(encounters(batch)))
    print("latency in ms: p50, p95, p99")
    with tempfile.TemporaryDirectory() as folder:
        database = options.database or f"sqlite:///{folder}/inference.db"
        for served in (dict(list(models.items())[:1]), models):
            for name, url in (("without log", None), ("with log", database)):
                with serving(Path(folder), served, url) as server:
                    bench_predict(f"{len(served)}, {name}", server, bodies, options.requests, options.connections)
                    bench_batch(f"{len(served)}, {name}", server, batch)


if __name__ == "__main__":
    main()
