"""One native run, running or stopped: its supervisor, the services of its last start, and its lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from readmission.errors import ReadmissionError
from readmission.local.processes import mark_of
from readmission.local.service import Service, load_services
from readmission.local.settings import LocalSettings
from readmission.local.supervisor import Supervisor


class Busy(ReadmissionError):
    """Another command is changing this instance."""


class UnsafeFolder(ReadmissionError):
    """Another user owns the folder for sockets, or can read it."""


class Instance:
    """The native run whose data is under ``local.home``."""

    def __init__(self, local: LocalSettings) -> None:
        self.local = local
        self.mark = mark_of(local.instance)
        self.supervisor = Supervisor(local.instance, local.run, local.run / "supervisor.sock", local.home / "logs")

    def services(self) -> dict[str, Service]:
        """The services of the last start, by name; empty before the first start."""
        return load_services(self.supervisor.services_file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folders and hold the instance's lock inside the block.

        Raises :class:`Busy` when another ``up``, ``down`` or ``reset`` holds the lock, and :class:`UnsafeFolder`.
        """
        self._make_folders()
        with (self.local.home / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy("another make up, down or reset is at work here: wait for its end") from error
            yield

    def _make_folders(self) -> None:
        # the home folder holds patients' data and secrets
        self.local.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.local.run.mkdir(mode=0o700, exist_ok=True)
        self.supervisor.logs.mkdir(exist_ok=True)
        status = self.local.run.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise UnsafeFolder(f"{self.local.run} must belong to this user, with mode 0700")
