"""One piece of database work in a process of its own; it may be told to die by SIGKILL just after a statement.

``python work_in_process.py WORK URL PARQUET [STATEMENT]`` prints what the work gave.
"""

import os
import signal
import sys
import uuid
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Engine, event

# its names are imported when they are used: most of this work needs no pandas
from readmission.adapters import database
from readmission.domain.outcome import Report
from readmission.errors import Conflict


def main(work: str, url: str, argument: str, last_statement: str | None = None) -> None:
    if last_statement:
        event.listen(Engine, "after_cursor_execute", lambda *event_: _die_after(last_statement, event_[2]))
    print(WORKS[work](url, argument))


def _die_after(last_statement: str, statement: str) -> None:
    if statement.lstrip().startswith(last_statement):
        os.kill(os.getpid(), signal.SIGKILL)


def _store_raw(url: str, parquet: str) -> int:
    import pandas as pd

    frame = pd.read_parquet(parquet)
    return database.RawDatabase(url).store_batch(
        database.StoredBatch(1, "a" * 64, len(frame), "synthetic", "key"), frame
    )


def _store_clean(url: str, parquet: str) -> int:
    import pandas as pd

    return database.CleanDatabase(url).store_batch(1, pd.read_parquet(parquet))


def _log(url: str, count: str) -> int:
    inference = database.InferenceDatabase(url)
    for _ in range(int(count)):
        now = datetime.now(UTC)
        record = database.PredictionRecord(
            uuid.uuid4().hex, now, "m", "1", 0.5, 1, 0.4, {"age": "[60-70)"}, [], "predict"
        )
        inference.log_predictions([record])
    return int(count)


def _outcome(url: str, report: str) -> str:
    """Report ``field=value`` about the prediction ``p-1`` once a line comes."""
    kind, day = report.split("=")
    with database.InferenceDatabase(url) as inference:
        print("ready", flush=True)
        sys.stdin.readline()
        on = date.fromisoformat(day) if kind == "not_readmitted_by" else int(day)
        try:
            inference.record_outcome("p-1", Report(**{kind: on}), datetime.now(UTC).date())
        except Conflict:
            return "contradicts"
    return "recorded"


def _promote(url: str, version: str) -> None:
    now = datetime.now(UTC)
    database.InferenceDatabase(url).record_promotion(
        database.PromotionRecord("promote", "m", version, None, "dag", now, "first", {"roc_auc": 0.7}, "run-1")
    )


def _hold_promotion_lock(url: str, _: str) -> None:
    """Say so, wait for a line, write a decision, and only then let go."""
    with database.InferenceDatabase(url) as inference, inference.promotion_lock():
        print("held", flush=True)
        sys.stdin.readline()
        _promote(url, "1")


def _count_under_promotion_lock(url: str, _: str) -> int:
    with database.InferenceDatabase(url) as inference:
        print("waits", flush=True)
        with inference.promotion_lock():
            return len(inference.promotions())


def _migrate(url: str, kind: str) -> None:
    getattr(database, f"{kind.capitalize()}Database")(url).migrate()


WORKS: dict[str, Any] = {
    "store_raw": _store_raw,
    "store_clean": _store_clean,
    "log": _log,
    "outcome": _outcome,
    "promote": _promote,
    "hold_promotion_lock": _hold_promotion_lock,
    "count_under_promotion_lock": _count_under_promotion_lock,
    "migrate": _migrate,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
