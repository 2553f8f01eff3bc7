"""Task 1: check that the data API answers, and start its EC2 instance when that is stopped."""

from datetime import datetime
from typing import Protocol

from readmission.domain.schedule import Schedule
from readmission.errors import NotFound, NothingToDo, SourceUnavailable
from readmission.log import get_logger

log = get_logger("readmission.pipeline.check_ec2_status")

GONE = {"shutting-down", "terminated"}


class Source(Protocol):
    """The part of ``adapters.data_api.DataApi`` that this task uses."""

    def health(self) -> bool:
        """True when the data API answers; otherwise raises :class:`SourceUnavailable`."""


class Instance(Protocol):
    """The part of ``adapters.compute.Ec2Instance`` that this task uses.

    Both methods raise :class:`SourceUnavailable` for a temporary error, and another class for a permanent one.
    """

    def state(self) -> str:
        """EC2's name of the state: pending, running, stopping, stopped, shutting-down or terminated."""

    def start(self) -> None:
        """Ask EC2 to start the instance; returns before it runs."""


def check_ec2_status(*, source: Source, instance: Instance | None, schedule: Schedule, now: datetime) -> bool:
    """True when the data API answers on ``/health``, False when it may answer later.

    Raises :class:`NothingToDo` when it is down outside the schedule, :class:`SourceUnavailable` when it is down and no
    instance is configured, :class:`NotFound` for a terminated instance, and the permanent errors of ``instance``.
    """
    try:
        return source.health()
    except SourceUnavailable as silence:
        if instance is None:
            raise
        if not schedule.is_open(now):
            raise NothingToDo(f"the data source is off outside its schedule, {schedule}") from silence
        _wake(instance, str(silence))
        return False


def _wake(instance: Instance, silence: str) -> None:
    try:
        state = instance.state()
        if state == "stopped":
            instance.start()
    except SourceUnavailable as error:
        log.warning("EC2 request failed, trying again later", reason=str(error))
        return
    if state in GONE:
        raise NotFound(f"the data API's instance is {state}: deploy it again (aws/README.md)")
    log.info("waiting for the data API", instance_state=state, start_requested=state == "stopped", reason=silence)
