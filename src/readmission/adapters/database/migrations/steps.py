"""Repeatable steps of migrations. MySQL commits each DDL statement, so a killed migration leaves some steps done."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from readmission.log import get_logger

log = get_logger(__name__)
# MySQL's errors: no SUPER privilege while the binary log is on (1419, 1227), no TRIGGER privilege (1142)
_NOT_ALLOWED = frozenset({1419, 1142, 1227})
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
    """Create triggers that refuse UPDATE and DELETE; it logs a warning when the user may not create triggers."""
    for verb in ("UPDATE", "DELETE"):
        name = f"{table}_no_{verb.lower()}"
        text = f"{table} is append-only"
        if op.get_bind().dialect.name == "sqlite":
            body = f"BEGIN SELECT RAISE(ABORT, '{text}'); END"
        else:
            body = f"FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{text}'"
        try:
            op.execute(f"DROP TRIGGER IF EXISTS {name}")
            op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} {body}")
        except DBAPIError as error:
            if getattr(error.orig, "errno", None) not in _NOT_ALLOWED:
                raise
            log.warning("no trigger: this user may not create one", table=table, verb=verb)
