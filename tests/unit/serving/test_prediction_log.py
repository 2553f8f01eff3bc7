import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from readmission.adapters.database import InferenceDatabase, PredictionRecord
from readmission.serving.metrics import Metrics
from readmission.serving.prediction_log import REST_SECONDS, PredictionLog

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = PredictionRecord("id", NOW, "m", "1", 0.5, 1, 0.5, {"race": "Secret"}, [], "predict")


class WatchedDatabase(InferenceDatabase):
    """Says which thread wrote."""

    thread = ""

    def log_predictions(self, records: list[PredictionRecord]) -> None:
        self.thread = threading.current_thread().name
        super().log_predictions(records)


@pytest.fixture
def without_tables(tmp_path):
    """A database whose writes fail until it is migrated."""
    with InferenceDatabase(f"sqlite:///{tmp_path}/without-tables.db") as database:
        yield database


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failures(metrics: Metrics) -> float:
    series = "readmission_prediction_log_failures_total "
    lines = metrics.exposition().decode().splitlines()
    return sum(float(line.removeprefix(series)) for line in lines if line.startswith(series))


def test_records_are_written_off_the_event_loop(database, logged):
    with WatchedDatabase(str(database.url)) as table:
        asyncio.run(PredictionLog(table, Metrics()).write([RECORD]))

    assert [(row["prediction_id"], row["features"]) for row in logged()] == [("id", {"race": "Secret"})]
    assert table.thread.startswith("prediction-log")


def test_a_failing_database_is_counted_and_not_raised(without_tables, capsys):
    metrics = Metrics()
    log = PredictionLog(without_tables, metrics)

    asyncio.run(log.write([RECORD, RECORD]))

    assert failures(metrics) == 2
    assert "Secret" not in "".join(capsys.readouterr())


def test_after_a_failure_the_database_has_a_rest_and_then_another_try(without_tables, logged):
    metrics, clock = Metrics(), Clock()
    log = PredictionLog(without_tables, metrics, clock=clock)
    asyncio.run(log.write([replace(RECORD, prediction_id="fails")]))
    without_tables.migrate()

    asyncio.run(log.write([replace(RECORD, prediction_id="comes in the rest")]))
    clock.now = REST_SECONDS + 1
    asyncio.run(log.write([replace(RECORD, prediction_id="comes after it")]))

    assert [row["prediction_id"] for row in logged(without_tables)] == ["comes after it"]
    assert failures(metrics) == 2


def test_a_database_that_hangs_holds_nobody_up(database, monkeypatch):
    released = threading.Event()
    metrics = Metrics()
    monkeypatch.setattr(database, "log_predictions", lambda _: released.wait(30))
    monkeypatch.setattr("readmission.serving.prediction_log.PATIENCE_SECONDS", 0.05)
    log = PredictionLog(database, metrics)

    async def write() -> None:
        await log.write([RECORD])
        released.set()

    asyncio.run(write())

    assert failures(metrics) == 1
