"""Measures the memory of a worker before, at the peak of and after batches of 10,000 rows, in JSON and in Parquet.

``python bench/memory.py [--batches 10]``. The server has one worker and both horizons. It takes about a minute.
"""

import argparse
import io
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from serving import BATCH_ROWS, Server, batch_seconds, encounters, serving, synthetic_frame, trained

from readmission.domain.horizon import HORIZON_NAMES
from readmission.domain.schema import FEATURE_NAMES

REST_SECONDS = 3
# at a time: the server handles one and queues the others
CALLERS = 2


def resident(server: Server) -> float:
    """The resident memory of the worker in MB."""
    children = psutil.Process(server.pid).children()
    return max(child.memory_info().rss for child in children) / 1e6


def bench(server: Server, media_type: str, body: bytes, batches: int) -> None:
    """Print the worker's memory around ``batches`` batches."""
    before = resident(server)
    with ThreadPoolExecutor(CALLERS) as callers:
        done = [callers.submit(batch_seconds, server.port, media_type, body, BATCH_ROWS) for _ in range(batches)]
        peak = before
        while not all(future.done() for future in done):
            peak = max(peak, resident(server))
            time.sleep(0.02)
        for future in done:
            future.result()
    time.sleep(REST_SECONDS)
    print(
        f"{media_type:<32} before {before:4.0f} MB  peak {peak:4.0f} MB  after {resident(server):4.0f} MB", flush=True
    )


def main() -> None:
    """Train the models, start a server and send it batches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=10)
    options = parser.parse_args()
    frame = synthetic_frame(int(1.7 * BATCH_ROWS), 0)
    models = {horizon: trained("lightgbm", frame, horizon) for horizon in HORIZON_NAMES}
    batch = frame.head(BATCH_ROWS)
    parquet = io.BytesIO()
    batch.loc[:, list(FEATURE_NAMES)].to_parquet(parquet, index=False)
    bodies = {
        "application/json": json.dumps(encounters(batch)).encode(),
        "application/vnd.apache.parquet": parquet.getvalue(),
    }
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), models, f"sqlite:///{folder}/log.db") as server:
        for media_type, body in [*bodies.items(), *bodies.items()]:
            bench(server, media_type, body, options.batches)


if __name__ == "__main__":
    main()
