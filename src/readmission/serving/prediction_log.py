"""Writes every prediction to the inference database. A failed write never fails the response."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from readmission.adapters.database import PredictionRecord
from readmission.log import get_logger
from readmission.serving.metrics import Metrics

THREADS = 4
PATIENCE_SECONDS = 5.0
SLOWEST_ROWS_PER_SECOND = 1000
REST_SECONDS = 10.0

log = get_logger(__name__)


class PredictionTable(Protocol):
    """The part of ``adapters.database.InferenceDatabase`` that the log uses."""

    def log_predictions(self, records: list[PredictionRecord], /) -> None:
        """Store the records. A ``prediction_id`` that is already stored is skipped."""


class PredictionLog:
    """Writes in its own threads. A failed write is counted and logged for the operator; the caller does not see it."""

    def __init__(
        self, table: PredictionTable, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table = table
        self._metrics = metrics
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="prediction-log")
        self._rests_until = 0.0

    async def write(self, records: list[PredictionRecord]) -> None:
        """Write the records, with a timeout of a few seconds. After a failure, no write is tried for ``REST_SECONDS``.

        Without this pause, each response would wait for a database that is down.
        """
        if self._clock() < self._rests_until:
            self._metrics.log_failures.inc(len(records))
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS + len(records) / SLOWEST_ROWS_PER_SECOND):
                await loop.run_in_executor(self._threads, self._table.log_predictions, records)
        except Exception as error:  # noqa: BLE001 - no database error may fail a prediction
            self._rests_until = self._clock() + REST_SECONDS
            self._metrics.log_failures.inc(len(records))
            event = {"count": len(records), "error": type(error).__name__}
            log.error("predictions not logged", **event)  # noqa: TRY400 - an error text may contain the row

    def close(self) -> None:
        """Cancel the writes that have not begun. It does not wait for those that have."""
        self._threads.shutdown(wait=False, cancel_futures=True)
