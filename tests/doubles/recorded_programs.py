"""Programs of a machine that only write down how they were called."""

from collections.abc import Iterable
from pathlib import Path

PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >> "{calls}"
case " $(cat "{failing}") " in *" $(basename "$0") "*) exit 1 ;; esac
"""


class RecordedPrograms:
    """A folder of programs for the front of PATH; each succeeds unless ``fail`` names it."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        folder.mkdir(parents=True)
        self._calls, self._failing = folder / "calls.log", folder / "failing.list"
        self._calls.touch()
        self._failing.touch()
        for name in names:
            program = folder / name
            program.write_text(PROGRAM.format(calls=self._calls, failing=self._failing))
            program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """Each call as one line: the program and its arguments."""
        return self._calls.read_text().splitlines()

    def fail(self, *names: str) -> None:
        """Let these programs fail from now on."""
        self._failing.write_text(" ".join(names))
