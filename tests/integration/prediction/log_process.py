"""A process of its own for the drills: ``write FOLDER SECONDS_BETWEEN [TOTAL_BYTES]`` or ``ship FOLDER URL``.

A writer prints each id that it has answered, with ``+`` when the log took it and ``-`` when it counted it as lost, and
at its end ``slowest`` with the seconds of its slowest append. Both end at SIGTERM.
"""

import os
import signal
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from readmission.adapters.database import InferenceDatabase, PredictionRecord
from readmission.prediction.log.shipper import Shipper
from readmission.prediction.log.spool import Bounds, Spool

SEGMENT_SECONDS = 0.1
ANSWER_SECONDS = 1


def _record() -> PredictionRecord:
    features = {"age": "[60-70)", "diag_1": "428", "num_lab_procedures": 44}
    return PredictionRecord(str(uuid.uuid4()), datetime.now(UTC), "m", "1", 0.5, 1, 0.4, features, "predict")


def _print(text: str) -> None:
    # not buffered, so that a killed process has printed what it answered
    os.write(1, f"{text}\n".encode())


def _write(ended: threading.Event, folder: str, seconds: str, total_bytes: str = "1000000000") -> None:
    slowest = 0.0
    with Spool(Path(folder), Bounds(50_000, SEGMENT_SECONDS, int(total_bytes))) as spool:
        while not ended.wait(float(seconds)):
            record = _record()
            began = time.monotonic()
            taken = spool.append(record)
            slowest = max(slowest, time.monotonic() - began)
            _print(("+" if taken else "-") + record.prediction_id)
    _print(f"slowest {slowest}")


def _ship(ended: threading.Event, folder: str, url: str) -> None:
    database = InferenceDatabase(url, answer_seconds=ANSWER_SECONDS)
    with database, Shipper(Path(folder), database) as shipper:
        _print("ready")
        ended.wait()
    _print(repr(shipper.stats()))


def main() -> None:
    """Do what the arguments say."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    kind, *arguments = sys.argv[1:]
    {"write": _write, "ship": _ship}[kind](ended, *arguments)


if __name__ == "__main__":
    main()
