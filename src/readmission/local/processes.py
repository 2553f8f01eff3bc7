"""The processes of an instance, found by a mark in their environment: it survives forks, sessions and lost parents."""

import hashlib
import time
from pathlib import Path

import psutil

MARK = "READMISSION_SERVICE"


def instance_of(home: Path) -> str:
    """The short name of the instance whose data lies in ``home``."""
    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]


def mark_of(instance: str, service: str = "") -> str:
    """The mark of one service, or the prefix of all marks of an instance; no mark is the prefix of another's."""
    return f"{instance}/{service}/" if service else f"{instance}/"


def marked(prefix: str) -> list[psutil.Process]:
    """This user's processes whose mark begins with ``prefix``, except this one and its ancestors."""
    own = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    return [
        process for process in psutil.process_iter() if process.pid not in own and _mark(process).startswith(prefix)
    ]


def end_marked(prefix: str, *, grace_seconds: float = 0.0) -> list[int]:
    """End every process whose mark begins with ``prefix``, also those that they start meanwhile; their ids."""
    ended: list[int] = []
    if grace_seconds > 0 and (gentle := marked(prefix)):
        for process in gentle:
            _signal(process, gently=True)
        psutil.wait_procs(gentle, timeout=grace_seconds)
    deadline = time.monotonic() + 10
    while (left := marked(prefix)) and time.monotonic() < deadline:
        for process in left:
            _signal(process, gently=False)
        ended += [process.pid for process in left]
        psutil.wait_procs(left, timeout=1)
    return sorted(set(ended))


def is_marked(process: psutil.Process, prefix: str) -> bool:
    return _mark(process).startswith(prefix)


def _mark(process: psutil.Process) -> str:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return str(process.environ().get(MARK, ""))
    except (psutil.Error, OSError):  # gone, or another user's
        return ""


def _signal(process: psutil.Process, *, gently: bool) -> None:
    try:
        if gently:
            process.terminate()
        else:
            process.kill()
    except psutil.NoSuchProcess:
        return
