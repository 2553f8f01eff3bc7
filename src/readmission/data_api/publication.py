"""Which batches are published: one at the first start, one more each interval, the same after a restart."""

import json
import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from readmission.log import get_logger

_STATE = "publication.json"


def now_utc() -> datetime:
    return datetime.now(UTC)


class Publication:
    """The schedule of ``total`` batches. ``interval`` is in seconds, 0 publishes all at once.

    What is kept is the instant of the first publication and the digest of the batches it is about, in one small file.
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
        """How many batches are published now, at least 1."""
        if not self._interval:
            return self.total
        elapsed = (self._clock() - self._started_at).total_seconds()
        # a clock that was set back must not unpublish the first batch
        return min(self.total, 1 + max(0, math.floor(elapsed / self._interval)))

    @property
    def exhausted(self) -> bool:
        return self.published == self.total

    @property
    def next_batch_at(self) -> str | None:
        """The instant of the next publication, ISO 8601 in UTC; None when there is none."""
        return self.published_at(self.published + 1)

    def published_at(self, batch_number: int) -> str | None:
        """The instant at which a batch is published, ISO 8601 in UTC; None beyond the last one."""
        if batch_number > self.total:
            return None
        return (self._started_at + timedelta(seconds=self._interval * (batch_number - 1))).isoformat()

    def restart(self) -> datetime:
        """Start over with the first batch, now."""
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
            # publishing less than before is safe: batches keep their numbers and rows, and nobody stores one twice
            self._path.replace(self._path.with_suffix(".damaged"))
            log.warning("the publication state is damaged: kept aside, publication starts over")
            return None
        if started_at.tzinfo is None or digest != self._digest:
            log.warning("the publication state is about other batches: publication starts over")
            return None
        return started_at
