from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from readmission.domain.schedule import Schedule

LIMA = ZoneInfo("America/Lima")
DAY = Schedule(time(8, 55), time(23, 55), LIMA)
NIGHT = Schedule(time(22, 0), time(6, 0), LIMA)


@pytest.mark.parametrize(
    ("clock", "is_open"),
    [("08:54:59", False), ("08:55:00", True), ("15:00:00", True), ("23:54:59", True), ("23:55:00", False)],
)
def test_the_window_opens_at_its_start_and_closes_at_its_stop(clock, is_open):
    now = datetime.combine(datetime(2026, 11, 23), time.fromisoformat(clock), LIMA)

    assert DAY.is_open(now) is is_open


def test_an_instant_of_another_time_zone_is_read_as_lima_time():
    eleven_at_night_in_lima = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)

    assert DAY.is_open(eleven_at_night_in_lima)


@pytest.mark.parametrize(("clock", "is_open"), [("21:59", False), ("22:00", True), ("05:59", True), ("06:00", False)])
def test_a_window_may_go_past_midnight(clock, is_open):
    assert NIGHT.is_open(datetime.combine(datetime(2026, 11, 23), time.fromisoformat(clock), LIMA)) is is_open


def test_equal_times_are_the_whole_day():
    assert Schedule(time(8), time(8), LIMA).is_open(datetime(2026, 11, 23, 3, tzinfo=LIMA))


def test_the_hours_follow_a_zone_with_summer_time():
    madrid = Schedule(time(9), time(10), ZoneInfo("Europe/Madrid"))

    assert madrid.is_open(datetime(2026, 1, 15, 8, 30, tzinfo=UTC))
    assert not madrid.is_open(datetime(2026, 7, 15, 8, 30, tzinfo=UTC))


def test_an_instant_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        DAY.is_open(datetime(2026, 11, 23, 12))


def test_a_schedule_reads_as_its_hours():
    assert str(DAY) == "08:55-23:55 America/Lima"
