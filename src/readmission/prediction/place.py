"""A bounded number of places for work that takes long; who finds none is refused at once and does not wait."""

import threading
from types import TracebackType

from readmission.errors import Busy


class Place:
    """A context manager that holds one of ``count`` places. It is safe to share between threads."""

    def __init__(self, count: int, work: str) -> None:
        """``work`` names what the places are for, in the text of the refusal."""
        self._free = threading.BoundedSemaphore(count)
        self._work = work

    def __enter__(self) -> None:
        """Take a place. Raises :class:`Busy` when all are taken."""
        if not self._free.acquire(blocking=False):
            raise Busy(f"this server makes no more {self._work} at a time: try again")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._free.release()
