"""Start every service in the order of its dependencies and wait until each is healthy."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from readmission.errors import ReadmissionError
from readmission.local.graph import Step, run_steps
from readmission.local.health import NotHealthy, wait_healthy
from readmission.local.plan import Plan
from readmission.local.report import Report
from readmission.local.service import Service
from readmission.local.supervisor import Supervisor

_STARTS = 3  # a service that needs more starts than this to become healthy has failed
_LOG_LINES = 30


class ServiceFailed(ReadmissionError):
    """A service or a step failed; the text has its name and its last log lines or output."""


class Cancelled(ReadmissionError):
    """Another service failed first, or the start was interrupted."""


@dataclass
class Startup:
    """One start of all services of a plan. Services that run already are left alone."""

    supervisor: Supervisor
    report: Report
    _cancelled: Event = field(default_factory=Event)

    def run(self, plan: Plan) -> None:
        """Run all steps and start all services; returns when all are healthy.

        Raises :class:`ServiceFailed`, or the error that a step of the plan raises.
        """
        steps = [Step(step.name, self._work(step), step.depends_on) for step in plan.steps]
        services = [Step(service.name, self._start(service), service.depends_on) for service in plan.services]
        run_steps([*steps, *services], self._cancelled)

    def _work(self, step: Step) -> Callable[[], None]:
        def work() -> None:
            with self.report.doing(step.name, "done"):
                try:
                    step.run()
                except subprocess.CalledProcessError as error:
                    raise ServiceFailed(f"{step.name} failed:\n{error.stdout}{error.stderr}") from error
                except Exception as error:
                    error.add_note(f"in the step {step.name}")
                    raise

        return work

    def _start(self, service: Service) -> Callable[[], None]:
        def start() -> None:
            with self.report.doing(service.name, "ready"):
                self.supervisor.start_program(service.name)
                try:
                    wait_healthy(service, self._started_at(service.name))
                except NotHealthy as error:
                    raise self._failed(service.name, str(error)) from error

        return start

    def _started_at(self, name: str) -> Callable[[], float]:
        pids: set[int] = set()

        def started_at() -> float:
            if self._cancelled.is_set():
                raise Cancelled(name)
            state = self.supervisor.state(name)
            pids.add(state.pid)
            if len(pids - {0}) > _STARTS or state.state == "FATAL":
                raise self._failed(name, "it ends again and again")
            return state.started_at

        return started_at

    def _failed(self, name: str, reason: str) -> ServiceFailed:
        log = self.supervisor.log_of(name)
        lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if log.exists() else []
        return ServiceFailed("\n".join([f"{name} did not get ready: {reason}. The end of {log}:", *lines]))
