"""Load a frame into a temporary table, from which plain SQL merges it into a real one.

MySQL and MariaDB load it with LOAD DATA LOCAL INFILE. Where the server does not allow that, and in SQLite, the rows
are inserted.
"""

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    SmallInteger,
    String,
    Table,
    delete,
    exists,
    insert,
    literal,
    select,
)
from sqlalchemy.schema import CreateTable

from readmission.adapters.database.dialect import drop_staging, is_sqlite
from readmission.errors import InvalidBatch

INSERT_ROWS = 1000
_SMALL = 2**15 - 1
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def checked(table: Table, frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The frame with its columns in the order of ``names``, after checking that each value fits the table.

    Without the check, SQLite silently stores values that do not fit, and LOAD DATA silently truncates them. The first
    of ``names`` is the key. Raises :class:`InvalidBatch` for a wrong column, type, length, missing or repeated key.
    """
    if sorted(frame.columns) != sorted(names):
        raise InvalidBatch(f"{table.name}: wrong columns {sorted(set(frame.columns) ^ set(names))}")
    for name in names:
        _check_column(table.c[name], frame[name])
    if frame[names[0]].duplicated().any():
        raise InvalidBatch(f"{table.name}: {names[0]} repeats")
    return frame.loc[:, list(names)]


def _check_column(column: "Column[Any]", values: "pd.Series[Any]") -> None:
    known = values.dropna()
    if len(known) < len(values) and not column.nullable:
        raise InvalidBatch(f"{column.name} is missing in {len(values) - len(known)} rows")
    if isinstance(column.type, String):
        width = column.type.length or 0
        if not all(isinstance(value, str) and len(value) <= width for value in known.unique()):
            raise InvalidBatch(f"{column.name} must be text of up to {width} characters")
    elif not pd.api.types.is_integer_dtype(values.dtype):
        raise InvalidBatch(f"{column.name} must be integer")
    elif isinstance(column.type, SmallInteger) and not known.between(-_SMALL, _SMALL).all():
        raise InvalidBatch(f"{column.name} is too large for the table")


@contextmanager
def staged(connection: Connection, table: Table, frame: pd.DataFrame) -> Iterator[Table]:
    """A temporary table with the rows of ``frame``, which only this connection sees; it is dropped after the block.

    The columns have the types of those in ``table``. The first column of the frame is the primary key.
    """
    key = frame.columns[0]
    columns = [Column(n, table.c[n].type, primary_key=n == key, autoincrement=False) for n in frame.columns]
    staging = Table(f"staging_{table.name}", MetaData(), *columns, prefixes=["TEMPORARY"], **table.kwargs)
    drop_staging(connection, staging)
    connection.execute(CreateTable(staging))
    try:
        _fill(connection, staging, frame)
        yield staging
    finally:
        if not connection.invalidated:
            drop_staging(connection, staging)


def insert_unknown(connection: Connection, staging: Table, table: Table, constants: dict[str, Any]) -> int:
    """Insert the staged rows whose ``encounter_id`` is not in the table yet; returns their number.

    ``constants``: values of further columns. The known rows are deleted from the staging table.
    """
    # with a condition in the INSERT itself, the server would copy the whole batch once more
    is_known = exists().where(table.c.encounter_id == staging.c.encounter_id)
    connection.execute(delete(staging).where(is_known))
    values = [literal(value, table.c[name].type) for name, value in constants.items()]
    rows = select(*staging.c, *values)
    statement = insert(table).from_select([*staging.c.keys(), *constants], rows)
    return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount


def _fill(connection: Connection, staging: Table, frame: pd.DataFrame) -> None:
    if _takes_local_files(connection):
        _load(connection, staging, frame)
    else:
        _insert(connection, staging, frame)


def _takes_local_files(connection: Connection) -> bool:
    """Whether the server allows LOAD DATA LOCAL: MariaDB does by default, MySQL does not."""
    if is_sqlite(connection):
        return False
    # checked beforehand, because the connector hides the error code of a refused load
    return bool(connection.exec_driver_sql("SELECT @@GLOBAL.local_infile").scalar())


def _insert(connection: Connection, staging: Table, frame: pd.DataFrame) -> None:
    names = list(frame.columns)
    columns = [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    for start in range(0, len(rows), INSERT_ROWS):
        connection.execute(insert(staging), rows[start : start + INSERT_ROWS])


def _load(connection: Connection, staging: Table, frame: pd.DataFrame) -> None:
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in frame.columns)
    with pipe(tab_separated(frame)) as path:
        loaded = connection.exec_driver_sql(
            f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {quote(staging.name)} CHARACTER SET utf8mb4 ({columns})"
        ).rowcount
    # LOAD DATA LOCAL turns errors into warnings, whose text quotes the values
    warnings = connection.exec_driver_sql("SELECT @@warning_count").scalar()
    if warnings or loaded != len(frame):
        raise InvalidBatch(f"the database took {loaded} of {len(frame)} rows and changed {warnings} values")


def tab_separated(frame: pd.DataFrame) -> bytes:
    """The rows in LOAD DATA's default format: tab-separated, with backslash escapes and ``\\N`` for null."""
    lines = zip(*(_escaped(frame[name]) for name in frame.columns), strict=True)
    return "".join("\t".join(line) + "\n" for line in lines).encode()


def _escaped(values: "pd.Series[Any]") -> list[str]:
    # each distinct value is escaped once, since most columns have few
    codes, distinct = pd.factorize(values)
    texts = [str(value).translate(_ESCAPES) for value in distinct]
    escaped: list[str] = np.array([*texts, "\\N"], dtype=object)[codes].tolist()
    return escaped


@contextmanager
def pipe(data: bytes) -> Iterator[Path]:
    """A named pipe that gives ``data`` to one reader. Patients' rows never reach a disk, even if this process dies."""
    with tempfile.TemporaryDirectory(prefix="readmission-") as directory:
        path = Path(os.path.realpath(directory)) / "rows"
        os.mkfifo(path, 0o600)
        writer = threading.Thread(target=_feed, args=(path, data), daemon=True)
        writer.start()
        try:
            yield path
        finally:
            _let_go(path, writer)


def _feed(path: Path, data: bytes) -> None:
    # when the reader stops early, the database reports the error
    with suppress(BrokenPipeError):
        path.write_bytes(data)


def _let_go(path: Path, writer: threading.Thread) -> None:
    """End the writer thread, also when the server refused the load and never opened the pipe."""
    while writer.is_alive():
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer.join(0.01)
        os.close(reader)
