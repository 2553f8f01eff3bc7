"""What the three databases share: one engine, transactions that are tried again, errors in this project's words."""

import random
import time
from collections.abc import Callable
from contextlib import nullcontext
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
    """One database by its URL; connects when it is first used.

    Every method of a subclass may raise :class:`DatabaseUnavailable`, whose text never holds a password or a value.
    What the driver said is its cause.
    """

    name: ClassVar[str]

    def __init__(self, url: str) -> None:
        self.url = dialect.parse_url(url)
        self._engine = dialect.make_engine(self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; a later call opens new ones."""
        self._engine.dispose()

    def migrate(self) -> None:
        """Bring the tables to their newest form; safe to repeat and to run from several processes at once."""
        from readmission.adapters.database.migrate import upgrade

        self._run(lambda connection: upgrade(connection, self.name), writes=True, alone=True)

    def _read(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` gives, in one read transaction."""
        return self._run(work, writes=False, alone=False)

    def _write(self, work: Callable[[Connection], T], *, alone: bool = False) -> T:
        """What ``work`` gives, in one transaction, all or nothing; ``alone``: no other such writer runs beside it.

        ``work`` runs again when the server broke the transaction off, so it keeps no state.
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
            # the driver's text names user and server, never the password
            raise DatabaseUnavailable(f"{self._place} cannot be reached: {error.orig}") from error
        except exc.TimeoutError as error:
            raise DatabaseUnavailable(f"{self._place}: all connections of this process are in use") from error

    def _raise(self, error: DBAPIError) -> NoReturn:
        raise DatabaseUnavailable(f"{self._place} failed with {dialect.error_code(error)}") from error

    @property
    def _place(self) -> str:
        return f"the {self.name} database {dialect.describe(self.url)}"
