import asyncio
import threading
from datetime import UTC, datetime

from readmission.adapters.database import PredictionRecord
from readmission.serving.metrics import Metrics
from readmission.serving.prediction_log import REST_SECONDS, PredictionLog

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = PredictionRecord("id", NOW, "m", "1", 0.5, 1, 0.5, {"race": "Secret"}, "predict")


class FakeTable:
    """Keeps what is written; raises ``error`` instead when there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.attempts = 0
        self.written: list[PredictionRecord] = []
        self.thread = ""

    def log_predictions(self, records: list[PredictionRecord]) -> None:
        self.attempts += 1
        self.thread = threading.current_thread().name
        if self.error:
            raise self.error
        self.written += records


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failures(metrics: Metrics) -> float:
    return metrics.log_failures._value.get()


def test_records_are_written_off_the_event_loop():
    table = FakeTable()
    log = PredictionLog(table, Metrics())

    asyncio.run(log.write([RECORD]))

    assert table.written == [RECORD]
    assert table.thread.startswith("prediction-log")


def test_a_failing_database_is_counted_and_not_raised(capsys):
    metrics = Metrics()
    log = PredictionLog(FakeTable(RuntimeError("row: Secret")), metrics)

    asyncio.run(log.write([RECORD, RECORD]))

    assert failures(metrics) == 2
    assert "Secret" not in "".join(capsys.readouterr())


def test_after_a_failure_the_database_has_a_rest_and_then_another_try():
    table, metrics, clock = FakeTable(RuntimeError()), Metrics(), Clock()
    log = PredictionLog(table, metrics, clock=clock)
    asyncio.run(log.write([RECORD]))
    table.error = None

    asyncio.run(log.write([RECORD]))
    clock.now = REST_SECONDS + 1
    asyncio.run(log.write([RECORD]))

    assert table.attempts == 2
    assert table.written == [RECORD]
    assert failures(metrics) == 2


def test_a_database_that_hangs_holds_nobody_up(monkeypatch):
    released = threading.Event()
    table, metrics = FakeTable(), Metrics()
    monkeypatch.setattr(table, "log_predictions", lambda _: released.wait(30))
    monkeypatch.setattr("readmission.serving.prediction_log.PATIENCE_SECONDS", 0.05)
    log = PredictionLog(table, metrics)

    async def write() -> None:
        await log.write([RECORD])
        released.set()

    asyncio.run(write())

    assert failures(metrics) == 1
