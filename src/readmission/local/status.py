"""``make status`` and ``make logs``."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from readmission.errors import NotFound
from readmission.local.health import NotHealthy, check
from readmission.local.instance import Instance
from readmission.local.service import Service
from readmission.local.summary import ServiceStatus
from readmission.local.supervisor import ProcessState, SupervisorDown

_SUPERVISORD = "supervisord"


def statuses(instance: Instance) -> list[ServiceStatus]:
    """The status of every service of the last start, in order; empty before the first start.

    It checks the health of all running services at the same time.
    """
    services = list(instance.services().values())
    try:
        states = instance.supervisor.states()
    except SupervisorDown:
        states = {}
    with ThreadPoolExecutor(max_workers=max(1, len(services))) as pool:
        return list(pool.map(lambda service: _status(service, states.get(service.name)), services))


def show_log(instance: Instance, name: str, *, lines: int, follow: bool) -> None:
    """Replace this process by ``tail`` on a service's log; raises :class:`NotFound`, which lists the known names."""
    path = instance.supervisor.log_of(name)
    known = [each for each in (*instance.services(), _SUPERVISORD) if instance.supervisor.log_of(each).exists()]
    if not known:
        raise NotFound("Nothing was started here yet: make up.")
    if name not in known:
        problem = f"there is no log of {name!r}" if name else "no service was named"
        raise NotFound(f"{problem}; make logs SERVICE=... takes one of: {', '.join(known)}")
    arguments = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(path)]
    os.execvp(arguments[0], arguments)  # noqa: S606 - no shell wanted


def _status(service: Service, state: ProcessState | None) -> ServiceStatus:
    if state is None or not state.pid:
        return ServiceStatus(service, state.state if state else "STOPPED", 0, 0.0, "does not run")
    uptime = max(0.0, time.time() - state.started_at)
    try:
        check(service, started_at=state.started_at)
    except NotHealthy as error:
        return ServiceStatus(service, state.state, state.pid, uptime, str(error))
    return ServiceStatus(service, state.state, state.pid, uptime, "well")
