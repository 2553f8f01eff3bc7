"""The base class of the three databases: one engine, repeated transactions, and translated errors."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import ClassVar, NoReturn, Self, TypeVar

from sqlalchemy import Connection, exc
from sqlalchemy.exc import DBAPIError

from readmission.adapters.database import dialect
from readmission.errors import DatabaseUnavailable
from readmission.log import get_logger

log = get_logger(__name__)
ATTEMPTS = 6
T = TypeVar("T")


class Database:
    """One database, which is connected at its first use.

    Every method of a subclass may raise :class:`DatabaseUnavailable`. Its text never holds a password or a value; the
    driver's error is its cause. ``answer_seconds``: how long a server may leave a statement without an answer; None:
    for ever, which migrations and :meth:`_locked` need.
    """

    name: ClassVar[str]

    def __init__(self, url: str, *, answer_seconds: int | None = None) -> None:
        self.url = dialect.parse_url(url)
        self._engine = dialect.make_engine(self.url, answer_seconds=answer_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._engine.dispose()

    def migrate(self) -> None:
        """Migrate the tables to the newest revision; several processes may call it, also at the same time."""
        from readmission.adapters.database.migrate import upgrade

        self._run(lambda connection: upgrade(connection, self.name), writes=True, alone=True)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Hold the lock ``name`` of this database inside the block; it keeps nobody from reading or writing."""
        try:
            with dialect.one_at_a_time(self._engine, name):
                yield
        except DBAPIError as error:
            self._raise(error)

    def _read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one read transaction and return its result."""
        return self._run(work, writes=False, alone=False)

    def _write(self, work: Callable[[Connection], T], *, alone: bool = False) -> T:
        """Run ``work`` in one transaction and return its result; an error rolls everything back.

        ``alone``: hold the writers' lock meanwhile. ``work`` runs again when the server aborted the transaction, so it
        must not keep state.
        """
        return self._run(work, writes=True, alone=alone)

    def _run(self, work: Callable[[Connection], T], *, writes: bool, alone: bool) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return self._once(work, writes=writes, alone=alone)
            except DBAPIError as error:
                if not dialect.is_transient(error):
                    self._raise(error)
                log.warning("transaction repeated", database=self.name, code=dialect.error_code(error), attempt=attempt)
                time.sleep(random.uniform(0.5, 1) * 0.05 * 2**attempt)  # noqa: S311
        try:
            return self._once(work, writes=writes, alone=alone)
        except DBAPIError as error:
            self._raise(error)

    def _once(self, work: Callable[[Connection], T], *, writes: bool, alone: bool) -> T:
        with self._connect() as connection:
            connection = connection.execution_options(writes=writes)
            with dialect.only_writer(connection, self.name) if alone else nullcontext(), connection.begin():
                return work(connection)

    def _connect(self) -> Connection:
        try:
            return self._engine.connect()
        except DBAPIError as error:
            # the driver's text holds user and server, never the password
            raise DatabaseUnavailable(f"{self._place} cannot be reached: {error.orig}") from error
        except exc.TimeoutError as error:
            raise DatabaseUnavailable(f"{self._place}: all connections of this process are in use") from error

    def _raise(self, error: DBAPIError) -> NoReturn:
        raise DatabaseUnavailable(f"{self._place} failed with {dialect.error_code(error)}") from error

    @property
    def _place(self) -> str:
        return f"the {self.name} database {dialect.describe(self.url)}"
