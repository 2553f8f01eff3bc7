from dataclasses import dataclass, field
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from readmission.domain.schedule import Schedule
from readmission.errors import NotFound, NothingToDo, SourceUnavailable, Unauthorized
from readmission.pipeline.check_ec2_status import check_ec2_status

LIMA = ZoneInfo("America/Lima")
SCHEDULE = Schedule(time(8, 55), time(23, 55), LIMA)
NOON = datetime(2026, 11, 23, 12, tzinfo=LIMA)
NIGHT = datetime(2026, 11, 23, 3, tzinfo=LIMA)


@dataclass
class Source:
    answers: bool

    def health(self) -> bool:
        if not self.answers:
            raise SourceUnavailable("no answer")
        return True


@dataclass
class Instance:
    current: str | Exception
    starts: list[str] = field(default_factory=list)
    refuses_start: Exception | None = None

    def state(self) -> str:
        if isinstance(self.current, Exception):
            raise self.current
        return self.current

    def start(self) -> None:
        if self.refuses_start:
            raise self.refuses_start
        self.starts.append("start")


def check(instance, *, answers=False, now=NOON):
    return check_ec2_status(source=Source(answers), instance=instance, schedule=SCHEDULE, now=now)


@pytest.mark.parametrize("now", [NOON, NIGHT])
def test_an_api_that_answers_is_enough_at_any_hour(now):
    untouched = Instance(AssertionError("the instance was asked"))

    assert check(untouched, answers=True, now=now)


def test_without_an_instance_a_silent_api_fails_the_task():
    with pytest.raises(SourceUnavailable):
        check(None)


def test_a_stopped_instance_is_started_and_waited_for():
    instance = Instance("stopped")

    assert not check(instance)
    assert instance.starts == ["start"]


@pytest.mark.parametrize("state", ["running", "pending", "stopping"])
def test_an_instance_under_way_is_waited_for_and_not_started(state):
    instance = Instance(state)

    assert not check(instance)
    assert instance.starts == []


def test_outside_the_schedule_the_run_is_skipped_with_the_reason():
    instance = Instance("stopped")

    with pytest.raises(NothingToDo, match="08:55-23:55 America/Lima"):
        check(instance, now=NIGHT)

    assert instance.starts == []


@pytest.mark.parametrize("state", ["shutting-down", "terminated"])
def test_an_instance_that_is_gone_is_not_waited_for(state):
    with pytest.raises(NotFound, match=state):
        check(Instance(state))


@pytest.mark.parametrize("error", [NotFound("unknown"), Unauthorized("not allowed")])
def test_what_waiting_cannot_mend_fails_the_task(error):
    with pytest.raises(type(error)):
        check(Instance(error))


def test_aws_being_slow_or_throttling_is_waited_for():
    assert not check(Instance(SourceUnavailable("throttled")))


def test_a_start_that_finds_no_capacity_is_waited_for():
    assert not check(Instance("stopped", refuses_start=SourceUnavailable("no capacity")))
