"""The processes of the drills of the prediction log. Each prints to a file without a buffer, and ends at SIGTERM."""

import os
import signal
import threading
import time
import uuid
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from readmission.adapters.database import InferenceDatabase, PredictionRecord
from readmission.log import configure_logging
from readmission.prediction.log.shipper import Shipper
from readmission.prediction.log.spool import Bounds, Spool

ANSWER_SECONDS = 1
# a thousand records a second in bursts, between which a shipper finds nothing new; a segment a second
BURST = 20
BETWEEN_SECONDS = 0.02
SEGMENT_SECONDS = 1.0


def write(folder, total_bytes=1_000_000_000):
    """Print each id that is answered, with ``+`` when the log took it, else ``-``; at the end the slowest append."""
    ended, slowest = _at_sigterm(), 0.0
    with Spool(folder, Bounds(500_000, SEGMENT_SECONDS, total_bytes)) as spool:
        while not ended.wait(BETWEEN_SECONDS):
            for record in [prediction() for _ in range(BURST)]:
                began = time.monotonic()
                taken = spool.append(record)
                slowest = max(slowest, time.monotonic() - began)
                _print(("+" if taken else "-") + record.prediction_id)
    _print(f"slowest {slowest}")


def ship(folder, url):
    """Ship what is in the folder."""
    ended = _at_sigterm()
    database = InferenceDatabase(url, answer_seconds=ANSWER_SECONDS)
    with database, Shipper(folder, database) as shipper:
        _print("ready")
        ended.wait()
    _print(repr(shipper.stats()))


def start(output: Path, work, *arguments):
    """Start one of these functions as a process, which a fork makes at once."""
    process = get_context("fork").Process(target=_redirected, args=(output, work, *arguments))
    process.start()
    return process


def prediction(**changes):
    """A prediction with a new id, and with these values changed."""
    values = {
        "prediction_id": str(uuid.uuid4()),
        "created_at": datetime.now(UTC),
        "model_name": "m",
        "model_version": "1",
        "probability": 0.1 + 0.2,
        "prediction": 1,
        "threshold": 0.4,
        "features": {"age": "[60-70)", "diag_1": "428", "num_lab_procedures": 44, "race": "línea\nnueva"},
        "risks": [{"horizon": "any", "probability": 0.1 + 0.2}],
        "source": "predict",
    }
    return PredictionRecord(**{**values, **changes})


def _redirected(output, work, *arguments):
    for descriptor, path in ((1, output), (2, output.with_suffix(".log"))):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), descriptor)
    configure_logging(json=True)
    work(*arguments)


def _at_sigterm():
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    return ended


def _print(text):
    os.write(1, f"{text}\n".encode())
