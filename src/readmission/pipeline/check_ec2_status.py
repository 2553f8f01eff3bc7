"""Task 1: is the source there? Where it lives on a sleeping instance, wake it."""

from datetime import datetime
from typing import Protocol

from readmission.domain.schedule import Schedule
from readmission.errors import NotFound, NothingToDo, SourceUnavailable
from readmission.log import get_logger

log = get_logger("readmission.pipeline.check_ec2_status")

GONE = {"shutting-down", "terminated"}


class Source(Protocol):
    def health(self) -> bool: ...


class Instance(Protocol):
    def state(self) -> str: ...

    def start(self) -> None: ...


def check_ec2_status(*, source: Source, instance: Instance | None, schedule: Schedule, now: datetime) -> bool:
    """True when the data API answers, False when it may after a while; asks ``/health`` only: no batch is consumed.

    Raises :class:`NothingToDo` outside the schedule, :class:`SourceUnavailable` when the API is down and no instance
    is configured, and what an instance raises when waiting is no use (unknown, terminated, not allowed).
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
        log.warning("instance not asked, trying again later", reason=str(error))
        return
    if state in GONE:
        raise NotFound(f"the data API's instance is {state}: deploy it again (aws/README.md)")
    log.info("waiting for the data API", instance_state=state, start_requested=state == "stopped", reason=silence)
