"""supervisord, which restarts services that end: its configuration, its start and its XML-RPC calls."""

import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from readmission.errors import ReadmissionError
from readmission.local.processes import MARK, mark_of
from readmission.local.service import SERVICES_FILE, Service, write_private
from readmission.local.settings import PROJECT

_KILL_AFTER = 3  # seconds, longer than run_service needs to kill the descendants


class SupervisorDown(ReadmissionError):
    """No supervisord of this instance answers."""


@dataclass(frozen=True)
class ProcessState:
    """The state of one program. ``state`` is supervisor's name for it, such as RUNNING; ``pid`` is 0 without a process.

    ``started_at`` is in epoch seconds, 0 when the program was never started.
    """

    name: str
    state: str
    pid: int
    started_at: float
    description: str


@dataclass(frozen=True)
class Supervisor:
    """The supervisord of one instance. ``run`` holds its files; ``socket`` must be shorter than 108 characters.

    Methods that ask supervisord raise :class:`SupervisorDown` when it does not answer.
    """

    instance: str
    run: Path
    socket: Path
    logs: Path

    @property
    def services_file(self) -> Path:
        """The file of the services, which :mod:`readmission.local.run_service` reads."""
        return self.run / SERVICES_FILE

    def log_of(self, name: str) -> Path:
        """The log file of a program."""
        return self.logs / f"{name}.log"

    def configure(self, services: Iterable[Service]) -> None:
        """Write the configuration file; a running supervisord applies it in :meth:`reload`."""
        sections = [_SUPERVISORD.format(run=self.run, socket=self.socket, logs=self.logs).replace("%", "%%")]
        sections += [self._program(service) for service in services]
        write_private(self._configuration, "\n".join(sections))

    def start(self, environment: Mapping[str, str]) -> None:
        """Start supervisord unless it runs; its programs inherit ``environment``.

        Raises :class:`SupervisorDown` when it does not answer within 10 s.
        """
        if self.is_running():
            return
        subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._configuration)],
            env={**environment, MARK: mark_of(self.instance, "supervisord")},
            cwd=PROJECT,
            check=True,
            capture_output=True,
            text=True,
        )
        deadline = time.monotonic() + 10
        while not self.is_running():
            if time.monotonic() > deadline:
                raise SupervisorDown(f"supervisord did not start: see {self.logs / 'supervisord.log'}")
            time.sleep(0.05)

    def is_running(self) -> bool:
        """Whether supervisord answers on its socket."""
        try:
            self._call("getState")
        except SupervisorDown:
            return False
        return True

    def reload(self) -> None:
        """Apply a changed configuration: programs that were removed or changed are stopped, none is started."""
        added, changed, removed = self._call("reloadConfig")[0]
        for group in (*changed, *removed):
            self._call("stopProcessGroup", group)
            self._call("removeProcessGroup", group)
        for group in (*added, *changed):
            self._call("addProcessGroup", group)

    def states(self) -> dict[str, ProcessState]:
        """The state of each program, by name."""
        return {info["name"]: _state(info) for info in self._call("getAllProcessInfo")}

    def state(self, name: str) -> ProcessState:
        """The state of one program; raises ``xmlrpc.client.Fault`` for an unknown name."""
        return _state(self._call("getProcessInfo", name))

    def start_program(self, name: str) -> None:
        """Start a program without waiting for it; a program that runs is left alone."""
        self._tolerate((Faults.ALREADY_STARTED,), "startProcess", name, False)

    def stop_program(self, name: str) -> None:
        """Stop a program and wait until it has ended. A stopped or unknown program changes nothing."""
        self._tolerate((Faults.NOT_RUNNING, Faults.BAD_NAME), "stopProcess", name, True)

    def shut_down(self) -> None:
        """Ask supervisord to end; it does so after this call has returned."""
        self._call("shutdown")

    def _tolerate(self, fault_codes: tuple[int, ...], method: str, *arguments: Any) -> None:
        try:
            self._call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in fault_codes:
                raise

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except OSError as error:
            raise SupervisorDown(f"no supervisord answers on {self.socket}") from error
        finally:
            transport.close()

    @property
    def _configuration(self) -> Path:
        return self.run / "supervisord.conf"

    def _program(self, service: Service) -> str:
        text = _PROGRAM.format(
            name=service.name,
            python=sys.executable,
            services=self.services_file,
            mark=f'{MARK}="{mark_of(self.instance, service.name)}"',
            directory=PROJECT,
            log=self.log_of(service.name),
            stop_seconds=int(service.stop_seconds) + _KILL_AFTER,
        )
        return text.replace("%", "%%")


def _state(info: dict[str, Any]) -> ProcessState:
    return ProcessState(info["name"], info["statename"], info["pid"], float(info["start"]), info["description"])


_SUPERVISORD = """\
[supervisord]
logfile={logs}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile={run}/supervisord.pid
childlogdir={logs}
umask=077

[unix_http_server]
file={socket}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """\
[program:{name}]
command="{python}" -m readmission.local.run_service "{services}" {name}
environment={mark}
directory={directory}
autostart=false
autorestart=true
startsecs=2
startretries=1000
stopwaitsecs={stop_seconds}
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""
