"""One running or stopped native run: its supervisor, the services it was last started with, its lock."""

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
    """The folder for sockets belongs to somebody else."""


class Instance:
    """The native run whose data lies in the home of these settings."""

    def __init__(self, local: LocalSettings) -> None:
        self.local = local
        self.mark = mark_of(local.instance)
        self.supervisor = Supervisor(local.instance, local.run, local.run / "supervisor.sock", local.home / "logs")

    def services(self) -> dict[str, Service]:
        """What was last started, by name; none before the first start."""
        return load_services(self.supervisor.services_file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folders and keep every other ``up``, ``down`` and ``reset`` away; raises :class:`Busy`."""
        self._make_folders()
        with (self.local.home / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy("another make up, down or reset is at work here: wait for its end") from error
            yield

    def _make_folders(self) -> None:
        # patients' data and secrets lie in it
        self.local.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.local.run.mkdir(mode=0o700, exist_ok=True)
        self.supervisor.logs.mkdir(exist_ok=True)
        status = self.local.run.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise UnsafeFolder(f"{self.local.run} must belong to this user, with mode 0700")
