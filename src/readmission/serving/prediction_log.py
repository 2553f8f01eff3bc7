"""Every prediction to the inference database, without ever standing in the way of an answer."""

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
    """What the log needs of ``adapters.database.InferenceDatabase``."""

    def log_predictions(self, records: list[PredictionRecord], /) -> None: ...


class PredictionLog:
    """Writes in its own threads. What cannot be written is counted and told to the operator, not to the caller."""

    def __init__(
        self, table: PredictionTable, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table = table
        self._metrics = metrics
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="prediction-log")
        self._rests_until = 0.0

    async def write(self, records: list[PredictionRecord]) -> None:
        """Write, waiting a few seconds at most; after a failure nothing is tried for ``REST_SECONDS``.

        Without the rest, each answer would wait for a database that is down.
        """
        if self._clock() < self._rests_until:
            self._metrics.log_failures.inc(len(records))
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS + len(records) / SLOWEST_ROWS_PER_SECOND):
                await loop.run_in_executor(self._threads, self._table.log_predictions, records)
        except Exception as error:  # noqa: BLE001 - whatever a database does, the prediction stands
            self._rests_until = self._clock() + REST_SECONDS
            self._metrics.log_failures.inc(len(records))
            event = {"count": len(records), "error": type(error).__name__}
            log.error("predictions not logged", **event)  # noqa: TRY400 - an error's text may hold the row

    def close(self) -> None:
        """Finish the writes that were begun; those of a database that hangs are given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)
