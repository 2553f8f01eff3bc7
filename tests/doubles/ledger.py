"""An inference database whose promotion lock another process has first."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from readmission.adapters.database import InferenceDatabase


class ContestedLedger(InferenceDatabase):
    """A real database; ``meanwhile`` is what the other process does before it releases the lock, once."""

    def __init__(self, url: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(url)
        self._meanwhile: Callable[[], object] | None = meanwhile

    @property
    def was_contested(self) -> bool:
        """Whether somebody has asked for the lock."""
        return self._meanwhile is None

    def promotion_lock(self) -> AbstractContextManager[None]:
        if self._meanwhile is not None:
            with super().promotion_lock():
                self._meanwhile()
            self._meanwhile = None
        return super().promotion_lock()
