"""The progress output of ``make up``: a line for each finished step and, on a terminal, the steps that are running."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.markup import escape


class Report:
    """Prints to a console; safe to use from several threads."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._lock = Lock()
        self._pending: dict[str, float] = {}
        self._status = console.status("")

    def say(self, text: str) -> None:
        """Print a line as it is: no markup, no colours, no wrapping."""
        self.console.print(escape(text), highlight=False, soft_wrap=True)

    @contextmanager
    def doing(self, name: str, done: str) -> Iterator[None]:
        """Show ``name`` as running inside the block; then print it with ``done`` and its seconds, unless it raised."""
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
