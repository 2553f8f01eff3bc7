from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from doubles.compute import FakeInstance
from doubles.data_api import FakeDataApi
from readmission.domain.schedule import Schedule
from readmission.errors import NotFound, NothingToDo, SourceUnavailable, Unauthorized
from readmission.pipeline.check_ec2_status import check_ec2_status

LIMA = ZoneInfo("America/Lima")
SCHEDULE = Schedule(time(8, 55), time(23, 55), LIMA)
NOON = datetime(2026, 11, 23, 12, tzinfo=LIMA)
NIGHT = datetime(2026, 11, 23, 3, tzinfo=LIMA)


def check(instance, *, answers=False, now=NOON):
    data_api = FakeDataApi()
    data_api.down = not answers
    return check_ec2_status(source=data_api, instance=instance, schedule=SCHEDULE, now=now)


@pytest.mark.parametrize("now", [NOON, NIGHT])
def test_an_api_that_answers_is_enough_at_any_hour(now):
    untouched = FakeInstance(failing={"state": AssertionError("the instance was asked")})

    assert check(untouched, answers=True, now=now)


def test_without_an_instance_a_silent_api_fails_the_task():
    with pytest.raises(SourceUnavailable):
        check(None)


def test_a_stopped_instance_is_started_and_waited_for():
    instance = FakeInstance("stopped")

    assert not check(instance)
    assert instance.starts == 1


@pytest.mark.parametrize("state", ["running", "pending", "stopping"])
def test_an_instance_under_way_is_waited_for_and_not_started(state):
    instance = FakeInstance(state)

    assert not check(instance)
    assert instance.starts == 0


def test_outside_the_schedule_the_run_is_skipped_with_the_reason():
    instance = FakeInstance("stopped")

    with pytest.raises(NothingToDo, match="08:55-23:55 America/Lima"):
        check(instance, now=NIGHT)

    assert instance.starts == 0


@pytest.mark.parametrize("state", ["shutting-down", "terminated"])
def test_an_instance_that_is_gone_is_not_waited_for(state):
    with pytest.raises(NotFound, match=state):
        check(FakeInstance(state))


@pytest.mark.parametrize("error", [NotFound("unknown"), Unauthorized("not allowed")])
def test_what_waiting_cannot_mend_fails_the_task(error):
    with pytest.raises(type(error)):
        check(FakeInstance(failing={"state": error}))


def test_aws_being_slow_or_throttling_is_waited_for():
    assert not check(FakeInstance(failing={"state": SourceUnavailable("throttled")}))


def test_a_start_that_finds_no_capacity_is_waited_for():
    assert not check(FakeInstance("stopped", failing={"start": SourceUnavailable("no capacity")}))
