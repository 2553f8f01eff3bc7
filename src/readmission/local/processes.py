"""The processes of an instance, found by a mark in their environment: it survives forks, sessions and lost parents."""

import contextlib
import os
import signal
import time

import psutil

MARK = "READMISSION_SERVICE"
_KILL_SECONDS = 10


def mark_of(instance: str, service: str = "") -> str:
    """The mark of one service, or the prefix of all marks of an instance; no mark is the prefix of another's."""
    return f"{instance}/{service}/" if service else f"{instance}/"


def marked(prefix: str) -> list[psutil.Process]:
    """This user's processes whose mark begins with ``prefix``, except this one and its ancestors."""
    own = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    others = [process for process in psutil.process_iter() if process.pid not in own]
    return [process for process in others if is_marked(process, prefix)]


def end_marked(prefix: str, *, grace_seconds: float = 0.0) -> list[int]:
    """End every process whose mark begins with ``prefix``, also those that they start; the ids of the killed."""
    known = set(marked(prefix))
    if grace_seconds > 0 and known:
        for process in known:
            _signal(process, signal.SIGTERM)
        psutil.wait_procs(known, timeout=grace_seconds)
    killed: set[int] = set()
    deadline = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < deadline:
        # one that hides its environment is not found again once its parent is dead
        known = {process for process in known if _lives(process)} | set(marked(prefix))
        if not known:
            break
        for process in known:
            _signal(process, signal.SIGKILL)
        killed |= {process.pid for process in known}
        psutil.wait_procs(known, timeout=1)
    return sorted(killed)


def is_marked(process: psutil.Process, prefix: str) -> bool:
    """Whether the process bears the mark; one that hides its environment bears that of its parent.

    Airflow makes the processes of its tasks such that only root may read their environment.
    """
    try:
        while process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE:
            try:
                return str(process.environ().get(MARK, "")).startswith(prefix)
            except psutil.AccessDenied:
                process = psutil.Process(process.ppid())
    except (psutil.Error, OSError):  # gone meanwhile
        return False
    return False


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
