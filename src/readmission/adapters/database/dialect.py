"""The differences between MySQL/MariaDB and SQLite: connecting, locking, and inserting only new rows."""

import fcntl
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, func, make_url, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

from readmission.errors import DatabaseUnavailable

BUSY_SECONDS = 30
LOCK_SECONDS = 120
CONNECT_SECONDS = 5
_HELD = f"another process has held the lock for {LOCK_SECONDS} seconds"
# deadlock, lock wait timeout; the transaction was rolled back and may be tried again
_TRANSIENT = frozenset({1213, 1205})


def parse_url(url: str) -> URL:
    """The URL of a MySQL/MariaDB database or an SQLite file, with its driver set.

    Raises :class:`DatabaseUnavailable` for any other URL; the text does not hold the URL, which may have a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUnavailable("the database URL is not a valid SQLAlchemy URL") from None
    backend = parsed.get_backend_name()
    if backend in ("mysql", "mariadb"):
        return parsed.set(drivername="mysql+mysqlconnector")
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite")
    raise DatabaseUnavailable(f"a database on {backend} cannot be used: give a MySQL, MariaDB or SQLite file URL")


def describe(url: URL) -> str:
    """The database for a message: file, or name, host and port, without user and password."""
    return url.database or "" if url.host is None else f"{url.database} at {url.host}:{url.port or 3306}"


def make_engine(url: URL, *, answer_seconds: int | None = None, **options: Any) -> Engine:
    """An engine that connects at its first use; its error messages never hold the parameters of a statement.

    ``answer_seconds``: how long a server may leave a statement without an answer; None: for ever.
    """
    shared: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True, "pool_recycle": 1800, **options}
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **shared)
        event.listen(engine, "do_connect", _make_sqlite_file)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    arguments = {
        "allow_local_infile_in_path": os.path.realpath(tempfile.gettempdir()),
        "charset": "utf8mb4",
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": answer_seconds,
        "write_timeout": answer_seconds,
        # strict mode, whatever the server's default is
        "sql_mode": "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION",
    }
    return create_engine(url, isolation_level="READ COMMITTED", connect_args=arguments, **shared)


def is_sqlite(connection: Connection | Engine) -> bool:
    """Whether the database is SQLite; otherwise it is MySQL or MariaDB."""
    return connection.dialect.name == "sqlite"


def is_transient(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed when repeated: deadlock, lock timeout or lost connection."""
    return error.connection_invalidated or getattr(error.orig, "errno", None) in _TRANSIENT


def error_code(error: DBAPIError) -> str:
    """The driver's code of an error, without its text, which may quote a value."""
    code = getattr(error.orig, "errno", None) or getattr(error.orig, "sqlite_errorname", None)
    return str(code or type(error.orig).__name__)


def only_writer(connection: Connection, name: str) -> AbstractContextManager[None]:
    """Hold the lock for writers of the database ``name`` inside the block, also when it commits several times.

    MySQL and MariaDB use a named lock, SQLite a lock on a file beside its own. Raises :class:`DatabaseUnavailable` when
    another writer holds the lock for 120 s.
    """
    if is_sqlite(connection):
        return _file_lock(_lock_file(connection.engine, name), name)
    return _server_lock(connection, name)


@contextmanager
def one_at_a_time(engine: Engine, name: str) -> Iterator[None]:
    """Hold the lock ``name`` of the database inside the block; it keeps nobody from reading or writing.

    MySQL and MariaDB use a named lock, SQLite a lock on a file beside its own. A process that dies releases both.
    Raises :class:`DatabaseUnavailable` when another process holds the lock for 120 s.
    """
    if is_sqlite(engine):
        with _file_lock(_lock_file(engine, name), name):
            yield
    else:
        with engine.connect() as connection, _server_lock(connection, name):
            yield


def _lock_file(engine: Engine, name: str) -> Path:
    return Path(f"{engine.url.database}.{name}.lock")


@contextmanager
def _file_lock(path: Path, name: str) -> Iterator[None]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise DatabaseUnavailable(f"the lock file {path} cannot be used: {error.strerror}") from error
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _locked(file):
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(f"{name}: {_HELD}")
            time.sleep(0.05)
        yield
    finally:
        # closing the file releases the lock
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _server_lock(connection: Connection, name: str) -> Iterator[None]:
    lock = f"readmission.{name}.{connection.engine.url.database}"[:64]
    if connection.scalar(select(func.get_lock(lock, LOCK_SECONDS))) != 1:
        raise DatabaseUnavailable(f"{name}: {_HELD}")
    connection.commit()
    try:
        yield
    finally:
        # the server releases the lock of a lost connection
        if not connection.invalidated:
            connection.rollback()
            connection.execute(select(func.release_lock(lock)))
            connection.commit()


def insert_new(connection: Connection, table: Table, key: str) -> Insert:
    """An INSERT that skips rows whose unique ``key`` exists already; any other violation is still an error."""
    if is_sqlite(connection):
        return sqlite.insert(table).on_conflict_do_nothing(index_elements=[key])
    return mysql.insert(table).on_duplicate_key_update({key: table.c[key]})


def drop_staging(connection: Connection, staging: Table) -> None:
    """Drop a temporary table if it exists; it never drops a real table and does not end the transaction."""
    name = connection.dialect.identifier_preparer.quote(staging.name)
    drop = f"DROP TABLE IF EXISTS temp.{name}" if is_sqlite(connection) else f"DROP TEMPORARY TABLE IF EXISTS {name}"
    connection.exec_driver_sql(drop)


def _make_sqlite_file(_dialect: Any, _record: Any, arguments: list[Any], _options: Any) -> None:
    """Make the file and its directory with access for this user only; SQLite itself would use the umask."""
    path = Path(arguments[0])
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseUnavailable(f"the database file {path} cannot be used: {error.strerror}") from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # SQLAlchemy's events begin the transactions, see _begin_sqlite
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA synchronous = NORMAL")
    _use_wal(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on, and repeat it while the file is busy: SQLite's own timeout does not apply here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # a writer takes the write lock at once: SQLite cannot wait for it in a transaction that started as a reader
    is_writer = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")
