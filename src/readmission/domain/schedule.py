"""When the source is meant to be on: a daily window of wall-clock time in one time zone."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Schedule:
    """On from ``start`` (inclusive) to ``stop`` (exclusive), every day.

    A ``stop`` before ``start`` lies in the next day; equal times are the whole day.
    """

    start: time
    stop: time
    timezone: ZoneInfo

    def is_open(self, instant: datetime) -> bool:
        """``instant`` carries its time zone; raises :class:`ValueError` when it does not."""
        if instant.tzinfo is None:
            raise ValueError("an instant without a time zone is not one instant")
        now = instant.astimezone(self.timezone).time()
        if self.start < self.stop:
            return self.start <= now < self.stop
        return now >= self.start or now < self.stop

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.stop:%H:%M} {self.timezone.key}"
