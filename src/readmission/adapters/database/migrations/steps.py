"""Repeatable steps of migrations. MySQL commits each DDL statement, so a killed migration leaves some steps done."""

import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from readmission.adapters.database.dialect import is_sqlite
from readmission.errors import DatabaseUnavailable

# what the operator does about MySQL's and MariaDB's refusals of a trigger
_REMEDIES = {
    # the binary log is on, as it is by default in MySQL, and the user has no SUPER privilege
    1419: "set log_bin_trust_function_creators=1 on the server, or grant SUPER on *.* to this user",
    1142: "grant TRIGGER on this database to this user",
}
CHUNK_ROWS = 10_000
UTC_DATETIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_table(name: str, *items: Any) -> None:
    """Create a table of ``items`` (columns and constraints) unless it exists; MySQL compares its text as binary."""
    op.create_table(
        name,
        *items,
        if_not_exists=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column at the end of a table unless the table has one of this name."""
    known = {found["name"] for found in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in known:
        op.add_column(table, column)


def chunks(row_id: sa.ColumnClause[int]) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that together select the rows which are there now, ``CHUNK_ROWS`` each; ``row_id`` is the primary key.

    Each chunk is committed, so that others write meanwhile, and a migration that was killed does not start anew.
    """
    connection = op.get_bind()
    last = connection.scalar(sa.select(sa.func.max(row_id))) or 0
    done = 0
    while done < last:
        ids = sa.select(row_id).where(row_id > done, row_id <= last).order_by(row_id).limit(CHUNK_ROWS).subquery()
        end = connection.scalar(sa.select(sa.func.max(ids.c[row_id.name]))) or last
        yield sa.and_(row_id > done, row_id <= end)
        _let_others_write(connection)
        done = end


def _let_others_write(connection: sa.Connection) -> None:
    op.execute("COMMIT")
    # the other servers begin a transaction by themselves, and lock rows only
    if is_sqlite(connection):
        # who waits for SQLite's lock looks every 0.1 s
        time.sleep(0.15)
        op.execute("BEGIN IMMEDIATE")


def create_index(name: str, table: str, columns: list[str]) -> None:
    """Create an index unless the table has one of this name."""
    known = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in known:
        op.create_index(name, table, columns)


def create_view(name: str, select: str) -> None:
    """Create a view, replacing one of the same name; ``select`` is its SQL."""
    op.execute(f"DROP VIEW IF EXISTS {name}")
    op.execute(f"CREATE VIEW {name} AS {select}")


def forbid_changes(table: str) -> None:
    """Create the triggers that refuse UPDATE and DELETE, unless the table has them.

    Raises :class:`DatabaseUnavailable` when the server refuses one; the text names the setting or right that it needs.
    """
    known = _triggers(table)
    for verb in ("UPDATE", "DELETE"):
        # a trigger that exists stays: between a DROP and a refused CREATE the table would lose it
        if f"{table}_no_{verb.lower()}" not in known:
            _forbid(table, verb)


def _triggers(table: str) -> set[str]:
    connection = op.get_bind()
    if is_sqlite(connection):
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
    else:
        query = (
            "SELECT trigger_name FROM information_schema.triggers"
            " WHERE event_object_schema = DATABASE() AND event_object_table = :table"
        )
    return set(connection.scalars(sa.text(query), {"table": table}))


def _forbid(table: str, verb: str) -> None:
    text = f"{table} is append-only"
    if is_sqlite(op.get_bind()):
        body = f"BEGIN SELECT RAISE(ABORT, '{text}'); END"
    else:
        body = f"FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{text}'"
    try:
        op.execute(f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {body}")
    except DBAPIError as error:
        code = getattr(error.orig, "errno", None)
        if code not in _REMEDIES:
            raise
        raise DatabaseUnavailable(
            f"{table} cannot be made append-only, because the server refuses its trigger with {code}:"
            f" {_REMEDIES[code]}, then migrate again"
        ) from error
