"""A look at a database past its adapter."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from readmission.adapters.database.dialect import make_engine
from readmission.adapters.database.engine import Database


@contextmanager
def connect(database: Database) -> Iterator[Connection]:
    """A connection of its own to the database of an adapter, in one transaction."""
    engine = make_engine(database.url)
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection
    finally:
        engine.dispose()
