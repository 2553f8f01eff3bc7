"""Gives the memory of large batches back to the system. Without it, a worker keeps the size of its largest batch."""

import asyncio
import ctypes
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress

# so that a row of batches uses its memory again
REST_SECONDS = 1.0


def give_back() -> None:
    """Return unused pages to the system. It takes a few milliseconds; where the C library cannot, it does nothing."""
    # a worker that never read Parquet has not loaded it
    if pyarrow := sys.modules.get("pyarrow"):
        pyarrow.default_memory_pool().release_unused()
    # glibc keeps the pages that were freed inside of an arena; other C libraries do not have the call
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


class MemoryReturn:
    """Gives memory back when no batch has come for ``REST_SECONDS``. It belongs to one event loop."""

    def __init__(self, executor: Executor, give: Callable[[], None] = give_back) -> None:
        """``executor``: that of the batches, so that none computes at the same time."""
        self._executor = executor
        self._give = give
        self._due: asyncio.TimerHandle | None = None

    def after_batch(self) -> None:
        """Note that a batch was answered or refused."""
        if self._due is not None:
            self._due.cancel()
        self._due = asyncio.get_running_loop().call_later(REST_SECONDS, self._release)

    def _release(self) -> None:
        self._due = None
        # the executor is closed when the server stops
        with suppress(RuntimeError):
            self._executor.submit(self._give)
