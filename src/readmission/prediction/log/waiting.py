"""The records of all processes that are in the log's folder and not yet in the database."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from readmission.errors import InvalidInput
from readmission.prediction.log.record import parse_record, payload_of
from readmission.prediction.log.segment import created_at, segments
from readmission.prediction.log.table import PredictionTable


@dataclass(frozen=True)
class Waiting:
    """How much waits for the database. ``oldest_seconds`` is the age of the oldest segment, 0 when nothing waits."""

    records: int
    bytes: int
    oldest_seconds: float


class Backlog:
    """Measures what waits in a folder. A segment whose size has not changed is not read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counted: dict[Path, tuple[int, int]] = {}

    def measure(self) -> Waiting:
        """What waits now. May raise ``OSError``."""
        counted = {}
        for segment in segments(self._folder):
            with suppress(FileNotFoundError):
                if (size := segment.stat().st_size) > 0:
                    known = self._counted.get(segment)
                    counted[segment] = known if known and known[0] == size else (size, _count_lines(segment))
        self._counted = counted
        return Waiting(
            records=sum(lines for _, lines in counted.values()),
            bytes=sum(size for size, _ in counted.values()),
            oldest_seconds=max(time.time() - created_at(min(counted)), 0.0) if counted else 0.0,
        )


def land_waiting(folder: Path, prediction_id: str, table: PredictionTable) -> None:
    """Store one prediction in the database now, if it waits in a segment of any process of this folder.

    The shipper skips it later. A segment may have landed since the database was asked, so ask it again in any case.
    Raises :class:`DatabaseUnavailable`, and may raise ``OSError``.
    """
    for payload in _payloads_with(folder, prediction_id.encode()):
        # what the database refuses is not there, neither now nor later
        with suppress(InvalidInput):
            record = parse_record(payload)
            if record.prediction_id == prediction_id:
                table.log_predictions([record])
                return


def _payloads_with(folder: Path, text: bytes) -> Iterator[bytes]:
    # a prediction that is not stored yet is probably a new one
    for segment in reversed(segments(folder)):
        with suppress(FileNotFoundError):
            lines = _lines_with(segment.read_bytes(), text)
            yield from (payload for line in lines if (payload := payload_of(line)) is not None)


def _lines_with(content: bytes, text: bytes) -> Iterator[bytes]:
    found = content.find(text)
    while found >= 0:
        begin, end = content.rfind(b"\n", 0, found) + 1, content.find(b"\n", found) + 1
        yield content[begin : end or None]
        found = content.find(text, end) if end else -1


def _count_lines(segment: Path) -> int:
    with segment.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
