"""What the one who types ``make up`` sees: a line for each thing done, and on a terminal what is waited for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.markup import escape


class Report:
    """Safe to use from several threads."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._lock = Lock()
        self._pending: dict[str, float] = {}
        self._status = console.status("")

    def say(self, text: str) -> None:
        self.console.print(escape(text), highlight=False, soft_wrap=True)

    @contextmanager
    def doing(self, name: str, done: str) -> Iterator[None]:
        """Show ``name`` as waited for; print it with ``done`` and the seconds it took, unless it failed."""
        begin = time.monotonic()
        self._show(name, begin)
        try:
            yield
            self.say(f"  {name:<26} {done} after {time.monotonic() - begin:.1f} s")
        finally:
            self._show(name, None)

    def _show(self, name: str, begin: float | None) -> None:
        with self._lock:
            if begin is None:
                self._pending.pop(name, None)
            else:
                self._pending[name] = begin
            if not self.console.is_terminal:
                return
            if self._pending:
                self._status.update(f"waiting for {escape(', '.join(self._pending))}")
                self._status.start()
            else:
                self._status.stop()
