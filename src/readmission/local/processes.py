"""Find the processes of an instance by a mark in their environment.

A child inherits the mark, also when it starts a new session or its parent ends.
"""

import contextlib
import os
import signal
import time

import psutil

MARK = "READMISSION_SERVICE"
_KILL_SECONDS = 10


def mark_of(instance: str, service: str = "") -> str:
    """The mark of one service, or the prefix of all marks of an instance. No mark is a prefix of another service's."""
    return f"{instance}/{service}/" if service else f"{instance}/"


def marked(prefix: str) -> list[psutil.Process]:
    """This user's processes whose mark begins with ``prefix``, without this process and its ancestors."""
    own = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    others = [process for process in psutil.process_iter() if process.pid not in own]
    return [process for process in others if is_marked(process, prefix)]


def end_marked(prefix: str, *, grace_seconds: float = 0.0) -> list[int]:
    """End every process whose mark begins with ``prefix``, also those that they start meanwhile.

    They get SIGTERM and ``grace_seconds`` to end; those that remain are killed. Returns the ids of the killed ones.
    """
    known = set(marked(prefix))
    if grace_seconds > 0 and known:
        for process in known:
            _signal(process, signal.SIGTERM)
        psutil.wait_procs(known, timeout=grace_seconds)
    killed: set[int] = set()
    deadline = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < deadline:
        # a process with an unreadable environment is found through its parent, which may have ended by now
        known = {process for process in known if _lives(process)} | set(marked(prefix))
        if not known:
            break
        for process in known:
            _signal(process, signal.SIGKILL)
        killed |= {process.pid for process in known}
        psutil.wait_procs(known, timeout=1)
    return sorted(killed)


def is_marked(process: psutil.Process, prefix: str) -> bool:
    """Whether the mark of this user's process begins with ``prefix``.

    A process whose environment cannot be read has the mark of its parent: only root may read the environment of
    Airflow's task processes.
    """
    try:
        while process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE:
            try:
                return str(process.environ().get(MARK, "")).startswith(prefix)
            except psutil.AccessDenied:
                process = psutil.Process(process.ppid())
    except (psutil.Error, OSError):  # the process ended meanwhile
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
