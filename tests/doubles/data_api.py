"""The data API, in memory."""

import hashlib

from readmission.adapters.data_api import Manifest, PublishedBatch
from readmission.errors import BatchNotPublished, ChecksumMismatch, NotFound, SourceUnavailable


class FakeDataApi:
    """A double of ``adapters.data_api.DataApi``; ``DataApiContract`` holds both.

    ``fetched`` are the batches that were handed out; ``down`` makes it unreachable, ``down_at`` only for one batch.
    """

    def __init__(self, published: int = 1, *, total: int = 7, source: str = "synthetic") -> None:
        self.published, self.total, self.source = published, total, source
        self.fetched: list[int] = []
        self.down = False
        self.down_at: int | None = None

    @staticmethod
    def body(batch_number: int) -> bytes:
        return f"batch {batch_number}".encode()

    @classmethod
    def sha256(cls, batch_number: int) -> str:
        return hashlib.sha256(cls.body(batch_number)).hexdigest()

    def health(self) -> bool:
        self._reach()
        return True

    def manifest(self) -> Manifest:
        self._reach()
        numbers = range(1, self.published + 1)
        return Manifest(
            total_batches=self.total,
            published=self.published,
            exhausted=self.published == self.total,
            next_batch_at=None if self.published == self.total else "2026-11-23T12:00:00Z",
            source=self.source,
            batches=[PublishedBatch(batch_number=number, rows=10, sha256=self.sha256(number)) for number in numbers],
        )

    def fetch_batch(self, batch_number: int, sha256: str | None = None) -> bytes:
        self._reach(batch_number)
        if batch_number > self.total:
            raise NotFound(f"there is no batch {batch_number}")
        if batch_number > self.published:
            raise BatchNotPublished(batch_number, "2026-11-23T12:00:00Z")
        if sha256 not in (None, self.sha256(batch_number)):
            raise ChecksumMismatch(f"batch {batch_number} came with another sha256 than {sha256}")
        self.fetched.append(batch_number)
        return self.body(batch_number)

    def _reach(self, batch_number: int | None = None) -> None:
        if self.down or (batch_number is not None and batch_number == self.down_at):
            raise SourceUnavailable("the data API does not answer")
