"""Segments: the files of the log. The process that writes or ships one holds a lock on it.

A lock ends with its process, so a segment of a dead process looks like one that was closed, and anybody may ship it.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

SUFFIX = ".segment"


class OpenSegment:
    """A new segment that this process writes. ``size`` is in bytes; what is written behind a ``torn`` end is lost.

    Every method may raise ``OSError``: no space, no right to write, a limit of the process.
    """

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self.size = 0
        self.torn = False
        self._file = file

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make a segment, and the folder when it is missing, for this user only. Newer segments sort after older."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = folder / f"{time.time_ns()}-{os.getpid()}{SUFFIX}"
            with suppress(FileExistsError):
                file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
                if _lock(file):
                    return cls(path, file)
                # a shipper found the file before it was locked, and removes it because it is empty
                os.close(file)

    def append(self, lines: bytes) -> None:
        """Write the lines with one call, all of them or none."""
        written = os.write(self._file, lines)
        if written < len(lines):
            self.torn = True
            os.ftruncate(self._file, self.size)
            self.torn = False
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written

    def close(self) -> None:
        """Leave the segment to the shippers."""
        # a child process that was forked may share the file; unlocking holds for it too
        fcntl.flock(self._file, fcntl.LOCK_UN)
        os.close(self._file)


def segments(folder: Path) -> list[Path]:
    """The segments in a folder, the oldest first; none when there is no folder. May raise ``OSError``."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    except FileNotFoundError:
        return []


def created_at(segment: Path) -> float:
    """When a segment was made, in seconds since 1970; its first record is not older."""
    return int(segment.name.partition("-")[0]) / 1e9


@contextmanager
def claimed(segment: Path) -> Iterator[BinaryIO | None]:
    """The file of a segment that nobody writes or ships, locked inside the block; None for any other."""
    try:
        file = segment.open("r+b")
    except FileNotFoundError:
        yield None
        return
    with file:
        yield file if _lock(file.fileno()) else None


def _lock(file: int) -> bool:
    """Lock a file that is still in its folder; False when another process holds it or has removed it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(file).st_nlink > 0
