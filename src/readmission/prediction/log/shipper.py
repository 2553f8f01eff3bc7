"""The shipping side of the log: segments that nobody writes any more are stored in the database, then removed."""

import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Self

from readmission.errors import DatabaseUnavailable, InvalidInput
from readmission.log import get_logger
from readmission.prediction.log.record import parse_record, payload_of
from readmission.prediction.log.segment import claimed, segments
from readmission.prediction.log.table import PredictionTable

REJECTED = "rejected.jsonl"
BATCH_ROWS = 500
IDLE_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
DRAIN_SECONDS = 5.0

log = get_logger(__name__)


@dataclass
class ShipperStats:
    """Counts since this process started.

    ``shipped``: records that the database has. ``rejected``: records that it refused, which are in the file
    ``rejected.jsonl``. ``torn``: lines that a process could not finish. ``failures``: passes that ended early.
    """

    shipped: int = 0
    rejected: int = 0
    torn: int = 0
    failures: int = 0


class Shipper:
    """Ships the segments of all processes in ``folder``, also of those that are dead.

    Entering it starts its thread. Leaving it ships what is there for at most ``drain_seconds``; the rest stays for the
    next start. Several shippers may share a folder, because each segment is locked by the one that ships it.
    """

    def __init__(
        self,
        folder: Path,
        table: PredictionTable,
        *,
        drain_seconds: float = DRAIN_SECONDS,
        on_counts: Callable[[ShipperStats], object] = lambda _: None,
    ) -> None:
        """``on_counts`` gets the counts after each pass that changed them; it may raise ``OSError``."""
        self._on_counts = on_counts
        self._folder = folder
        self._table = table
        self._drain_seconds = drain_seconds
        self._stats = ShipperStats()
        # how many bytes of a segment have landed, if a pass ended before its end
        self._landed: dict[Path, int] = {}
        self._failures_in_a_row = 0
        self._stopping = threading.Event()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._run, name="prediction-log-shipper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._deadline = time.monotonic() + self._drain_seconds
        self._stopping.set()
        # the thread may wait for a database that hangs; another process ships what this one has not
        self._thread.join(self._drain_seconds)

    def stats(self) -> ShipperStats:
        """The counts of this process."""
        return replace(self._stats)

    def ship(self) -> None:
        """Ship each segment that nobody writes; what is left after an error waits for the next call.

        Raises :class:`DatabaseUnavailable` or ``OSError`` at once. A segment that fails for any other reason keeps none
        of the others waiting; its error is raised at the end.
        """
        unexpected = None
        for segment in segments(self._folder):
            try:
                self._ship_segment(segment)
            except (DatabaseUnavailable, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - raised below
                unexpected = error
        if unexpected is not None:
            raise unexpected

    def _ship_segment(self, segment: Path) -> None:
        with claimed(segment) as file:
            if file is None:
                self._landed.pop(segment, None)
                return
            file.seek(self._landed.get(segment, 0))
            while lines := list(islice(file, BATCH_ROWS)):
                if time.monotonic() > self._deadline:
                    return
                self._ship_lines(segment, lines)
            segment.unlink()
            self._landed.pop(segment, None)

    def _ship_lines(self, segment: Path, lines: list[bytes]) -> None:
        try:
            self._store(lines)
        except InvalidInput:
            if len(lines) > 1:
                for line in lines:
                    self._ship_lines(segment, [line])
                return
            self._reject(lines[0])
        self._landed[segment] = self._landed.get(segment, 0) + sum(map(len, lines))

    def _store(self, lines: list[bytes]) -> None:
        payloads = [payload for payload in map(payload_of, lines) if payload is not None]
        if payloads:
            self._table.log_predictions([parse_record(payload) for payload in payloads])
        self._stats.shipped += len(payloads)
        self._stats.torn += len(lines) - len(payloads)

    def _reject(self, line: bytes) -> None:
        file = os.open(self._folder / REJECTED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
        self._stats.rejected += 1

    def _run(self) -> None:
        stopping = False
        while not stopping:
            # the last pass ships what the writers left when they ended
            stopping = self._stopping.wait(self._pause())
            # a dead pipe for our own log does not end this thread
            with suppress(OSError):
                self._try()

    def _pause(self) -> float:
        if not self._failures_in_a_row:
            return IDLE_SECONDS
        longest = min(IDLE_SECONDS * 2.0 ** min(self._failures_in_a_row, 10), LONGEST_WAIT_SECONDS)
        return random.uniform(0.5, 1) * longest  # noqa: S311

    def _try(self) -> None:
        before = self.stats()
        try:
            self.ship()
        except Exception as error:  # noqa: BLE001 - the thread has to outlive every failure
            self._failed(error)
        else:
            self._succeeded()
        if self._stats != before:
            with suppress(OSError):
                self._on_counts(self.stats())
        if count := self._stats.rejected - before.rejected:
            log.error("predictions refused by the database", count=count, kept_in=REJECTED)

    def _failed(self, error: Exception) -> None:
        self._stats.failures += 1
        self._failures_in_a_row += 1
        if self._failures_in_a_row == 1:
            # the text of any other error may quote a value
            is_known = isinstance(error, DatabaseUnavailable | OSError)
            reason = str(error) if is_known else type(error).__name__
            log.warning("predictions wait to be shipped", reason=reason)

    def _succeeded(self) -> None:
        failures, self._failures_in_a_row = self._failures_in_a_row, 0
        if failures:
            log.info("predictions are shipped again", failures=failures)
