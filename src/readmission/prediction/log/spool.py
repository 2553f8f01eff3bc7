"""The writing side of the log, one for each process: a record is in a segment before its answer goes out."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from readmission.adapters.database.inference import PredictionRecord
from readmission.log import get_logger
from readmission.prediction.log.record import to_line
from readmission.prediction.log.segment import OpenSegment, created_at

# while the shipper is behind, small segments would only become many
BEHIND_SECONDS = 60.0

log = get_logger(__name__)


@dataclass(frozen=True)
class Bounds:
    """How large and old the log may grow.

    A segment is closed, and so shipped, at ``segment_bytes`` or after ``segment_seconds``. Records that would bring the
    folder beyond ``total_bytes`` are refused.
    """

    segment_bytes: int = 16_000_000
    segment_seconds: float = 1.0
    total_bytes: int = 1_000_000_000


@dataclass(frozen=True)
class SpoolStats:
    """Records since this process started: ``appended`` to a segment, and ``lost`` because none could take them."""

    appended: int
    lost: int


class Spool:
    """Appends records to segments in ``folder``; processes may share the folder, threads may share the spool.

    Entering it starts the thread that closes segments by their age; leaving it closes the last one.
    """

    def __init__(
        self, folder: Path, bounds: Bounds | None = None, *, on_loss: Callable[[int], object] = lambda _: None
    ) -> None:
        """``on_loss`` gets the number of records that were just lost."""
        self._folder = folder
        self._on_loss = on_loss
        self._bounds = bounds or Bounds()
        self._lock = threading.Lock()
        self._segment: OpenSegment | None = None
        self._closed: Path | None = None
        self._used = 0
        self._appended = self._lost = self._told = 0
        self._reason = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_time, name="prediction-log-spool", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        with self._lock:
            self._close()
        with suppress(OSError):
            self._tell_losses()

    def append(self, record: PredictionRecord | bytes) -> bool:
        """Append a record (or its JSON on one line) with one write and no wait for the disk.

        False when it could not be written: it is counted as lost. Nothing is raised, so that the answer goes out.
        """
        return self.append_many((record,))

    def append_many(self, records: Iterable[PredictionRecord | bytes]) -> bool:
        """Append records as :meth:`append` does, with one write: all of them or none."""
        records = tuple(records)
        try:
            lines = b"".join([to_line(record) for record in records])
            with self._lock:
                self._write(lines)
                self._appended += len(records)
        except (OSError, ValueError) as error:
            with self._lock:
                self._lost += len(records)
                self._reason = str(error) if isinstance(error, OSError) else type(error).__name__
            self._on_loss(len(records))
            return False
        return True

    def rotate(self) -> None:
        """Close the open segment, so that it is shipped. While the one before it waits, it may grow for a minute."""
        with self._lock:
            if self._segment is None or not self._segment.size:
                return
            is_behind = self._closed is not None and self._closed.exists()
            if not is_behind or time.time() - created_at(self._segment.path) > BEHIND_SECONDS:
                self._close()

    def measure(self) -> None:
        """Read the size of the whole folder, which other processes fill and empty. May raise ``OSError``."""
        try:
            with os.scandir(self._folder) as files:
                used = sum(_size(file) for file in files)
        except FileNotFoundError:
            used = 0
        with self._lock:
            self._used = used

    def stats(self) -> SpoolStats:
        """The counts of this process."""
        with self._lock:
            return SpoolStats(self._appended, self._lost)

    def _write(self, lines: bytes) -> None:
        if self._used + len(lines) > self._bounds.total_bytes:
            raise OSError(f"the log holds {self._used} bytes and may hold {self._bounds.total_bytes}")
        if self._segment is None:
            self._segment = OpenSegment.create(self._folder)
        try:
            self._segment.append(lines)
        except OSError:
            if self._segment.torn:
                self._close()
            raise
        self._used += len(lines)
        if self._segment.size >= self._bounds.segment_bytes:
            self._close()

    def _close(self) -> None:
        if self._segment is not None:
            segment, self._segment = self._segment, None
            segment.close()
            self._closed = segment.path

    def _keep_time(self) -> None:
        stopping = False
        while not stopping:
            # neither a folder that cannot be read nor a dead pipe for our own log ends this thread
            with suppress(OSError):
                self.rotate()
                self.measure()
            with suppress(OSError):
                self._tell_losses()
            stopping = self._stopping.wait(self._bounds.segment_seconds)

    def _tell_losses(self) -> None:
        with self._lock:
            count, self._told = self._lost - self._told, self._lost
        if count:
            log.error("predictions answered but not logged", count=count, reason=self._reason)


def _size(file: os.DirEntry[str]) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
