"""Measures what a batch costs without HTTP, by format: ``python bench/batches.py [--rows 10000] [--repeats 7]``.

Two LightGBM models, one for each horizon, and encounters of the synthetic cohort. CPU time of this process and of the
child that reads Parquet, the best of the repeats, with and without the events for the log (without appending them).
"""

import argparse
import io
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import psutil
from serving import encounters, synthetic_frame, trained

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.domain.horizon import HORIZON_NAMES
from readmission.domain.schema import FEATURE_NAMES
from readmission.http_contract import CSV, JSON, PARQUET
from readmission.prediction.batch_scoring import BatchScorer, encoded
from readmission.serving.batch_encoding import encode_batch
from readmission.serving.batch_formats import read_batch
from readmission.serving.live_model import LiveModel, ModelSlots
from readmission.serving.metrics import Metrics
from readmission.serving.predict import Predicting
from readmission.serving.predict_batch import Batches, answer_batch


def bodies_of(rows: int) -> dict[str, bytes]:
    """The same encounters in each format."""
    frame = synthetic_frame(3 * rows, 1).head(rows)
    table = frame.loc[:, list(FEATURE_NAMES)]
    parquet = io.BytesIO()
    table.to_parquet(parquet, index=False)
    return {
        PARQUET: parquet.getvalue(),
        CSV: table.to_csv(index=False).encode(),
        JSON: json.dumps(encounters(frame)).encode(),
    }


def live_models(rows: int) -> ModelSlots:
    """A trained model for each horizon."""
    slots, frame = ModelSlots(HORIZON_NAMES), synthetic_frame(3 * rows, 0)
    for horizon in HORIZON_NAMES:
        version = ModelVersion(horizon, "1", "bench", "0" * 64, datetime.now(UTC), {})
        model = OnnxModel.from_bytes(trained("lightgbm", frame, horizon))
        slots.slot(horizon).live = LiveModel(version, model, datetime.now(UTC))
    return slots


@dataclass(frozen=True)
class Bench:
    """What is measured; ``predict`` is a batch as the route predicts it."""

    slots: ModelSlots
    batches: Batches
    rows: int
    repeats: int

    def predict(self, media_type: str, body: bytes, *, logs: bool) -> None:
        """Print the CPU time of a whole batch."""
        log = cast("Any", SimpleNamespace() if logs else None)
        predicting = Predicting(self.slots, cast("Any", None), _METRICS, log, len(body), self.rows)
        name = f"{media_type}, {'with events' if logs else 'no log'}"
        self.report(name, lambda: answer_batch(predicting, self.batches, body, media_type, []))

    def report(self, name: str, work: Any) -> None:
        """Print the CPU time of some work on all rows."""
        work()
        seconds = []
        for _ in range(self.repeats):
            started = cpu_seconds()
            work()
            seconds.append(cpu_seconds() - started)
        best = min(seconds)
        print(f"{name:<48} {1e6 * best / self.rows:6.2f} us/row  {self.rows / best:10,.0f} rows/s and core", flush=True)


_METRICS = Metrics()


def cpu_seconds() -> float:
    """The CPU time of this process and its children so far. The system counts that of a child in ticks of 10 ms."""
    children = psutil.Process().children()
    return time.process_time() + sum(_run_time(child.pid) for child in children)


def _run_time(pid: int) -> float:
    # in nanoseconds, of the main thread: the child has no other that works
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0]) / 1e9


def main() -> None:
    """Measure each format, and the steps that they share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    bodies = bodies_of(options.rows)
    bench = Bench(live_models(options.rows), Batches(), options.rows, options.repeats)
    print(f"load average {os.getloadavg()[0]:.1f}, {options.rows} rows")
    for media_type, body in bodies.items():
        batch = read_batch(body, media_type, options.rows, bench.batches.parquet.read)
        bench.report(f"read {media_type}", lambda: read_batch(body, media_type, len(body), bench.batches.parquet.read))  # noqa: B023
    numbers, _ = encode_batch(batch)
    models = [live.model for live in bench.slots.current()]
    scorer, matrix = BatchScorer(models), encoded(numbers)
    bench.report("validate and look up", lambda: encode_batch(batch))
    bench.report("both models, by tables", lambda: scorer.probabilities(numbers))
    bench.report("both models, in ONNX Runtime", lambda: [np.asarray(m.predict_probability(matrix)) for m in models])
    for media_type, body in bodies.items():
        for logs in (False, True):
            bench.predict(media_type, body, logs=logs)
    bench.batches.close()


if __name__ == "__main__":
    main()
