"""Run the Alembic migrations of one database inside the caller's transaction."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from readmission.errors import DatabaseUnavailable

MIGRATIONS = Path(__file__).with_name("migrations")
# Alembic's "op" is global in the process
_one_at_a_time = threading.Lock()


def upgrade(connection: Connection, name: str) -> None:
    """Migrate the database ``name`` (raw, clean or inference) to its newest revision.

    Raises :class:`DatabaseUnavailable` when the database has a revision that this release does not know.
    """
    try:
        with _one_at_a_time:
            command.upgrade(configuration(name, connection), "head")
    except CommandError as error:
        raise DatabaseUnavailable(f"the {name} database cannot be migrated by this release: {error}") from error


def configuration(name: str, connection: Connection | None = None) -> Config:
    """Alembic's configuration for the database ``name``; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", _escaped(MIGRATIONS))
    config.set_main_option("version_locations", _escaped(MIGRATIONS / name))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    config.attributes["name"] = name
    return config


def version_table(name: str) -> str:
    """The table that holds a database's revision; the names differ, so one SQLite file can hold all three databases."""
    return f"{name}_schema_version"


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
