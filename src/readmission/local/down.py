"""``make down`` and ``make reset``."""

import shutil
import time
from collections.abc import Iterable
from functools import partial
from threading import Event

from readmission.local.data_folders import delete_data
from readmission.local.graph import Step, run_steps
from readmission.local.instance import Instance
from readmission.local.processes import end_marked
from readmission.local.report import Report
from readmission.local.service import Service
from readmission.local.supervisor import Supervisor

_SUPERVISOR_SECONDS = 5


def down(instance: Instance, report: Report) -> None:
    """Stop every service after those that depend on it, then kill every remaining process of this instance.

    Raises ``Busy`` while another command changes the instance.
    """
    begin = time.monotonic()
    with instance.locked():
        if instance.supervisor.is_running():
            _stop_services(instance.supervisor, instance.services().values())
            _shut_down(instance.supervisor)
        left = end_marked(instance.mark, grace_seconds=2)
    if left:
        report.say(f"{len(left)} processes had to be killed.")
    report.say(f"Nothing of this instance runs any more ({time.monotonic() - begin:.1f} s). Its data are kept.")


def reset(instance: Instance, report: Report) -> None:
    """Stop everything and delete all data, secrets and logs of this instance. Raises ``Busy`` as ``down`` does."""
    down(instance, report)
    delete_data(instance.local.home)
    shutil.rmtree(instance.local.run, ignore_errors=True)
    report.say(f"The data under {instance.local.home} are deleted.")


def _stop_services(supervisor: Supervisor, services: Iterable[Service]) -> None:
    everything = list(services)
    steps = [
        Step(
            service.name,
            partial(supervisor.stop_program, service.name),
            depends_on=tuple(other.name for other in everything if service.name in other.depends_on),
        )
        for service in everything
    ]
    run_steps(steps, Event())


def _shut_down(supervisor: Supervisor) -> None:
    supervisor.shut_down()
    deadline = time.monotonic() + _SUPERVISOR_SECONDS
    while supervisor.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
