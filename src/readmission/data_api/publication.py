"""Which batches are published: one at the first start and one more each interval. A restart does not change it."""

import json
import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from readmission.log import get_logger

_STATE = "publication.json"


def now_utc() -> datetime:
    """The current time, with the time zone UTC."""
    return datetime.now(UTC)


class Publication:
    """The schedule of ``total`` batches. ``interval`` is in seconds; with 0, all batches are published at once.

    A file in ``directory`` keeps the time of the first publication and the digest of the batches.
    """

    def __init__(
        self, directory: Path, digest: str, total: int, interval: float, clock: Callable[[], datetime] = now_utc
    ) -> None:
        self.total = total
        self._path = directory / _STATE
        self._digest = digest
        self._interval = interval
        self._clock = clock
        self._writing = threading.Lock()
        self._started_at = self._read() or self.restart()

    @property
    def published(self) -> int:
        """How many batches are published now, from 1 to ``total``."""
        if not self._interval:
            return self.total
        elapsed = (self._clock() - self._started_at).total_seconds()
        # the first batch stays published when the clock was set back
        return min(self.total, 1 + max(0, math.floor(elapsed / self._interval)))

    @property
    def exhausted(self) -> bool:
        """Whether all batches are published."""
        return self.published == self.total

    @property
    def next_batch_at(self) -> str | None:
        """The time of the next publication (ISO 8601, UTC), or None when all batches are published."""
        return self.published_at(self.published + 1)

    def published_at(self, batch_number: int) -> str | None:
        """The time at which a batch is published (ISO 8601, UTC), or None when there is no such batch."""
        if batch_number > self.total:
            return None
        return (self._started_at + timedelta(seconds=self._interval * (batch_number - 1))).isoformat()

    def restart(self) -> datetime:
        """Start again with the first batch. Returns the new start time, which is now."""
        with self._writing:
            self._started_at = self._clock()
            state = {"started_at": self._started_at.isoformat(), "digest": self._digest}
            unfinished = self._path.with_suffix(".unfinished")
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(json.dumps(state), encoding="utf-8")
            unfinished.replace(self._path)
            return self._started_at

    def _read(self) -> datetime | None:
        log = get_logger(__name__).bind(file=str(self._path))
        try:
            state = json.loads(self._path.read_text(encoding="utf-8"))
            started_at, digest = datetime.fromisoformat(state["started_at"]), state["digest"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            # starting over is safe: batches keep their numbers and rows, and the pipeline skips those it has stored
            self._path.replace(self._path.with_suffix(".damaged"))
            log.warning("the publication state is damaged: the file is renamed and publication starts over")
            return None
        if started_at.tzinfo is None or digest != self._digest:
            log.warning("the publication state belongs to other batches: publication starts over")
            return None
        return started_at
