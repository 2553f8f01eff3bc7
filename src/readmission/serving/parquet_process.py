"""Reads Parquet bodies in a process of its own, because a small file can take any amount of memory or time to read.

What a file says of its size proves nothing, so the operating system holds the limit: the process may take a fixed
amount of address space. One that exceeds its memory or its time is replaced, and the worker never notices.
``python -m readmission.serving.parquet_process FD`` is the child's side.
"""

import os
import resource
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from readmission.errors import Busy, InvalidInput, TooLarge, UnreadableInput
from readmission.serving.table_columns import NOT_SCALAR, Cells, Table

# a body of 20 MB is held three times, and 10,000 ordinary rows take a few megabytes
MEMORY_BYTES = 256_000_000
SECONDS = 10.0
START_SECONDS = 60.0
# an answer holds a few bytes for each cell and each distinct text once
_MAX_ANSWER_BYTES = 40_000_000
_ERRORS: dict[str, type[InvalidInput | TooLarge]] = {
    found.__name__: found for found in (InvalidInput, TooLarge, UnreadableInput)
}


class _Cells(msgspec.Struct, array_like=True):
    """``words``: the distinct cells; ``codes``: by row, unsigned. ``strange``: the column is of another type."""

    words: list[str | int | float | bool | None]
    strange: bool
    code_bytes: int
    codes: bytes


class _Answer(msgspec.Struct, array_like=True):
    """A table, or the name of the error's class and its text."""

    rows: int
    cells: dict[str, _Cells]
    error: str = ""
    detail: str = ""


class ParquetProcess:
    """Reads one body at a time in its child process, which starts with the first one. Threads may share it."""

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES, seconds: float = SECONDS) -> None:
        """``memory_bytes``: what reading one file may take; ``seconds``: how long it may take, without the start."""
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None

    def read(self, body: bytes, max_rows: int) -> Table:
        """As ``parquet.read_table``; raises :class:`TooLarge` for a file that takes too much memory or time.

        Raises :class:`Busy` when the child does not start.
        """
        with self._lock:
            answer = self._ask(body, max_rows)
        if answer.error:
            raise _ERRORS[answer.error](answer.detail)
        return Table(answer.rows, {name: _received(cells) for name, cells in answer.cells.items()})

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._end()

    def _ask(self, body: bytes, max_rows: int) -> _Answer:
        connection = self._started()
        try:
            connection.send_bytes(max_rows.to_bytes(8) + body)
            if connection.poll(self._seconds):
                return _decode(connection.recv_bytes(_MAX_ANSWER_BYTES))
        except (OSError, EOFError, msgspec.MsgspecError):
            # it was killed, or it has no memory left even for an answer
            pass
        self._end()
        raise TooLarge("the Parquet file takes too much memory or time to read")

    def _started(self) -> "Connection[Any, Any]":
        if self._connection is not None and self._child is not None and self._child.poll() is None:
            return self._connection
        self._end()
        ours, theirs = Pipe()
        command = [sys.executable, "-m", __name__, str(theirs.fileno()), str(self._memory_bytes)]
        # arenas and pools reserve far more address space than they use, and the limit counts what is reserved
        environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
        # what it writes when it ends for want of memory is of no use, and may quote the file
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._child = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, **silent)  # type: ignore[call-overload]
        self._connection = ours
        theirs.close()
        with suppress(OSError, EOFError):
            # its first message says that it is ready
            if ours.poll(START_SECONDS) and ours.recv_bytes(16):
                return ours
        self._end()
        raise Busy("the reader of Parquet files does not start: try again")

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        self._connection = self._child = None


def serve(connection: "Connection[Any, Any]", memory_bytes: int) -> None:
    """Answer bodies until the other side closes. ``memory_bytes``: address space that a body may take."""
    from readmission.serving.parquet import read_table, warm_up

    warm_up()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    connection.send_bytes(b"ready")
    while True:
        try:
            message = connection.recv_bytes()
        except EOFError:
            return
        try:
            table = read_table(message[8:], int.from_bytes(message[:8]))
            answer = _Answer(table.rows, {name: _sent(cells) for name, cells in table.cells.items()})
        except (InvalidInput, TooLarge) as error:
            answer = _Answer(0, {}, type(error).__name__, str(error))
        connection.send_bytes(msgspec.msgpack.encode(answer))


def _sent(cells: Cells) -> _Cells:
    strange = NOT_SCALAR in cells.words
    codes = cells.codes.astype(np.min_scalar_type(len(cells.words)))
    return _Cells([] if strange else cells.words, strange, codes.itemsize, codes.tobytes())


def _received(cells: _Cells) -> Cells:
    return Cells([NOT_SCALAR] if cells.strange else cells.words, np.frombuffer(cells.codes, f"u{cells.code_bytes}"))


_decode = msgspec.msgpack.Decoder(_Answer).decode

if __name__ == "__main__":
    # no traceback of a file that took too much: it may quote cells
    sys.tracebacklimit = 0
    serve(Connection(int(sys.argv[1])), int(sys.argv[2]))
