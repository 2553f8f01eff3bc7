"""The schedule of the data source: a daily time window in one time zone."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Schedule:
    """A daily window from ``start`` (inclusive) to ``stop`` (exclusive).

    When ``stop`` is before ``start``, the window ends on the next day. Equal times mean the whole day.
    """

    start: time
    stop: time
    timezone: ZoneInfo

    def is_open(self, instant: datetime) -> bool:
        """Whether ``instant`` lies in the window. Raises :class:`ValueError` when it has no time zone."""
        if instant.tzinfo is None:
            raise ValueError("the instant has no time zone")
        now = instant.astimezone(self.timezone).time()
        if self.start < self.stop:
            return self.start <= now < self.stop
        return now >= self.start or now < self.stop

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.stop:%H:%M} {self.timezone.key}"
