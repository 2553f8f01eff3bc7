"""Measures what each part of ``POST /predict`` costs: CPU time of the server for each request, and wall time.

``python bench/ladder.py [--requests 20000] [--connections 32] [--candidate lightgbm]``

The rungs: a bare ASGI application that answers a constant of the same size; our path with a constant answer; the whole
path without a log; the whole path with each event appended to a file. Every rung is one uvicorn process on uvloop and
httptools, on a core of its own when there are two. The rungs are measured in turn, several times, and each shows its
median: on a machine that others use too, compare the rungs of one run only.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import psutil
import uvloop
from serving import encounters, load, synthetic_frame
from starlette.types import ASGIApp, Receive, Scope, Send

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.domain.horizon import HORIZON_NAMES
from readmission.domain.model_file import ModelFileMetadata
from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.modeling.export import export
from readmission.modeling.fit import fit
from readmission.prediction.predict import Answered, Predictor
from readmission.serving.encounter import parse_encounter
from readmission.serving.fast_path import FastPath
from readmission.serving.live_model import LiveModel
from readmission.serving.metrics import Metrics
from readmission.serving.tally import Tally

RUNGS = ("bare", "constant", "predict", "predict_and_log")
SIZE = 680
ROUNDS = 3
FOLDER = "LADDER_FOLDER"


class Constant:
    """A predictor that answers the same to everything."""

    def answer(self, *_: object) -> Answered:
        """The constant."""
        return Answered(b"x" * SIZE, None, [0.3, 0.2])


class File:
    """A log that appends each event with its checksum to one file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def append(self, event: bytes) -> None:
        """Append one line with one write."""
        os.write(self._file, b"%08x %b\n" % (crc32(event), event))


async def bare_app(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The least that an ASGI application can do."""
    headers = [(b"content-length", b"%d" % SIZE), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * SIZE})


def app() -> ASGIApp:
    """The application of the rung that the environment names."""
    folder, rung = Path(os.environ[FOLDER]), os.environ["LADDER_RUNG"]
    if rung == "bare":
        return bare_app
    models = tuple(live(folder, horizon) for horizon in HORIZON_NAMES)
    log = File(folder / "events") if rung == "predict_and_log" else None
    predictor = Constant() if rung == "constant" else Predictor(parse_encounter, logs=log is not None)
    tally = Tally(Metrics(), "/predict")
    return FastPath(
        bare_app, predictor=predictor, models=lambda: models, keys=(), max_body_bytes=100_000, tally=tally, log=log
    )


def live(folder: Path, horizon: str) -> LiveModel:
    """The model of a horizon, as a worker holds it."""
    now = datetime.now(UTC)
    model = OnnxModel.from_bytes((folder / f"{horizon}.onnx").read_bytes())
    print(f"{horizon}: {'tables' if model.tables else 'ONNX Runtime'}", file=sys.stderr)
    return LiveModel(ModelVersion("diabetes_classifier", "1", "bench", "0" * 64, now, {}), model, now)


@contextmanager
def server(folder: Path, rung: str, core: int) -> Iterator[tuple[int, int]]:
    """A running rung: its process id and port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    metrics = folder / f"metrics-{rung}"
    metrics.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "uvicorn", "--factory", "ladder:app", "--port", str(port), "--no-access-log"]
    process = subprocess.Popen(
        [*command, "--log-level", "error", "--loop", "uvloop", "--http", "httptools", "--lifespan", "off"],
        cwd=Path(__file__).parent,
        env=os.environ | {FOLDER: str(folder), "LADDER_RUNG": rung, "PROMETHEUS_MULTIPROC_DIR": str(metrics)},
    )
    try:
        os.sched_setaffinity(process.pid, {core})
        _wait(port)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the server did not start")


def measure(target: tuple[int, int], bodies: list[bytes], requests: int, connections: int) -> tuple[float, float]:
    """The CPU time of the server and the wall time for each request, in seconds."""
    process = psutil.Process(target[0])
    before = sum(process.cpu_times()[:2])
    found = uvloop.run(load(target[1], bodies, requests, connections))
    return (sum(process.cpu_times()[:2]) - before) / requests, found.seconds / requests


def main() -> None:
    """Train the models, run every rung, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", default="lightgbm", choices=CANDIDATE_NAMES)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    frame = synthetic_frame(20_000, 0)
    bodies = [json.dumps(row).encode() for row in encounters(frame.tail(1000))]
    found: dict[str, list[tuple[float, float]]] = {rung: [] for rung in RUNGS}
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    with tempfile.TemporaryDirectory() as folder:
        for horizon in HORIZON_NAMES:
            now = datetime.now(UTC)
            facts = ModelFileMetadata(horizon, 0.5, 0.4, 0.6, "synthetic", options.candidate, True, "0" * 64, now)
            model = export(fit(options.candidate, frame, horizon, 0), facts)
            (Path(folder) / f"{horizon}.onnx").write_bytes(model)
        for _ in range(ROUNDS):
            for rung in RUNGS:
                with server(Path(folder), rung, cores[-1]) as target:
                    measure(target, bodies, 1000, options.connections)
                    found[rung].append(measure(target, bodies, options.requests, options.connections))
    _print(found)


def _print(found: dict[str, list[tuple[float, float]]]) -> None:
    bare = statistics.median(cpu for cpu, _ in found["bare"])
    for rung, measured in found.items():
        cpu, wall = (statistics.median(values) for values in zip(*measured, strict=True))
        rate = f"{1e6 * cpu:7.1f} us CPU  {1 / cpu:8,.0f} a core-second"
        print(f"{rung:<16} {rate}  {bare / cpu:5.2f} of bare  {1 / wall:8,.0f} /s wall")


if __name__ == "__main__":
    main()
