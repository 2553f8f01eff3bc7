"""The parent of one service: ``python -m readmission.local.run_service SERVICES_FILE NAME``.

It first ends processes that an earlier start of the service left behind, since an orphan would hold the port. Then it
starts the program. When the program ends, it kills all descendants: on Linux it adopts those that lose their parent
(``PR_SET_CHILD_SUBREAPER``), so none escapes.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread
from types import FrameType

import psutil

from readmission.local.processes import MARK, end_marked
from readmission.local.service import Service, load_services

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_NOT_INHERITED = ("PYTHONDONTWRITEBYTECODE", "SUPERVISOR_ENABLED", "SUPERVISOR_PROCESS_NAME", "SUPERVISOR_SERVER_URL")
_SETTLED_SECONDS = 10  # a child that ends sooner did one short task


def main(services_file: Path, name: str) -> int:
    """Run the service until it ends; returns its exit code, 128 + n when signal n ended it."""
    service = load_services(services_file)[name]
    _tie_lives(os.getppid())
    end_marked(os.environ[MARK])
    child = subprocess.Popen(service.command, env=_environment(service), start_new_session=True)
    stopping = Event()
    _stop_on_signals(child.pid, service.stop_seconds, stopping)
    if service.vital_children:
        Thread(target=_end_with_children, args=(psutil.Process(child.pid), stopping), daemon=True).start()
    code = _wait(child.pid)
    stopping.set()
    child.returncode = code  # reaped here, not by Popen
    _kill_descendants()
    return code if code >= 0 else 128 - code


def _tie_lives(parent: int) -> None:
    """Adopt descendants that lose their parent; get SIGTERM when the supervisor dies, which reads the log pipe."""
    if sys.platform != "linux":
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")


def _environment(service: Service) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    # SPT_NOENV: setproctitle would otherwise overwrite the environment, which holds the mark
    return {**inherited, "PYTHONUNBUFFERED": "1", "SPT_NOENV": "1", **service.environment}


def _stop_on_signals(pid: int, stop_seconds: float, stopping: Event) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        signal.setitimer(signal.ITIMER_REAL, stop_seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def give_up(_number: int, _frame: FrameType | None) -> None:
        _kill_descendants()

    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _end_with_children(program: psutil.Process, stopping: Event) -> None:
    """Kill the program when a child that lived for 10 s ends, unless the program is being stopped."""
    settled: set[psutil.Process] = set()
    while not stopping.wait(1):
        with contextlib.suppress(psutil.NoSuchProcess):
            children = {child for child in program.children() if child.status() != psutil.STATUS_ZOMBIE}
            if settled - children and not stopping.is_set():
                program.kill()
                return
            born_before = time.time() - _SETTLED_SECONDS
            settled |= {child for child in children if child.create_time() < born_before}


def _wait(pid: int) -> int:
    """Reap every child until ``pid`` ends; returns its exit code, negative for a signal."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _kill_descendants() -> None:
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
