"""A double of the note of a run."""

from collections.abc import Mapping


class FakeRunNote:
    """Its lines, by subject, as they stand now."""

    def __init__(self) -> None:
        self.lines: dict[str, str] = {}

    def write(self, lines: Mapping[str, str]) -> None:
        self.lines = dict(lines)

    def add(self, lines: Mapping[str, str]) -> None:
        self.lines |= lines
