"""Every horizon's risk of a prediction, and the day of a readmission. Do not edit it: a change is a new revision.

A prediction of an earlier release has one risk. Its horizon is the ``target`` that the ledger states for its version,
otherwise ``any``, the earlier default. The risk band and the calibration were not stored, so they stay unknown.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from readmission.adapters.database.dialect import is_sqlite
from readmission.adapters.database.migrations.steps import add_column, chunks

revision = "inference_0003"
down_revision = "inference_0002"
branch_labels = None
depends_on = None

HORIZONS = ("any", "within_30_days")
_predictions = sa.table(
    "predictions",
    sa.column("id", sa.BigInteger),
    sa.column("model_name", sa.String),
    sa.column("model_version", sa.String),
    sa.column("probability", sa.Double),
    sa.column("prediction", sa.SmallInteger),
    sa.column("threshold", sa.Double),
    # JSON that the statement itself puts together
    sa.column("risks", sa.Text),
)
_promotions = sa.table(
    "promotions",
    sa.column("id", sa.BigInteger),
    sa.column("model_name", sa.String),
    sa.column("version", sa.String),
    sa.column("evidence", sa.JSON),
)
_row = _predictions.c


def upgrade() -> None:
    """Add ``predictions.risks`` and ``outcomes.days_until_readmission``; fill ``risks`` of the rows that are there."""
    # first: the workers of this release write these columns, also while the rows are filled
    add_column("predictions", sa.Column("risks", sa.JSON()))
    add_column("outcomes", sa.Column("days_until_readmission", sa.Integer()))
    _fill_risks()


def _fill_risks() -> None:
    connection = op.get_bind()
    if is_sqlite(connection):
        # SQLite writes 15 digits of a number as text, too few
        connection.connection.driver_connection.create_function("as_text", 1, repr, deterministic=True)  # type: ignore[union-attr]
    evidence = _evidence(connection)
    for chunk in chunks(_row.id):
        rows = sa.and_(chunk, _row.risks.is_(None))
        versions = sa.select(_row.model_name, _row.model_version).where(rows).distinct()
        for name, version in connection.execute(versions).all():
            same = sa.and_(rows, _row.model_name == name, _row.model_version == version)
            risks = _risks(connection, name, version, evidence.get((name, version), {}))
            connection.execute(sa.update(_predictions).where(same).values(risks=risks))


def _evidence(connection: sa.Connection) -> dict[tuple[str, str], dict[str, Any]]:
    """All evidence of the ledger about each model version; a later row's replaces an earlier one's."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    ledger = _promotions.c
    query = sa.select(ledger.model_name, ledger.version, ledger.evidence).order_by(ledger.id)
    for name, version, evidence in connection.execute(query):
        found.setdefault((name, version), {}).update(evidence)
    return found


def _risks(connection: sa.Connection, name: str, version: str, evidence: dict[str, Any]) -> sa.ColumnElement[str]:
    """The JSON of a row's ``risks``, as an SQL expression."""
    target = evidence.get("target")
    facts = {
        "risk_band": None,
        "calibrated": None,
        "data_source": evidence.get("data_source"),
        "model_name": name,
        "model_version": version,
    }
    horizon = json.dumps(target if target in HORIZONS else "any")
    parts = (
        sa.literal(f'[{{"horizon": {horizon}, "probability": '),
        _text(connection, _row.probability),
        sa.literal(', "prediction": '),
        _text(connection, _row.prediction),
        sa.literal(', "threshold": '),
        _text(connection, _row.threshold),
        sa.literal(f", {json.dumps(facts)[1:]}]"),
    )
    text: sa.ColumnElement[str] = parts[0]
    for part in parts[1:]:
        text = text.concat(part)
    return text


def _text(connection: sa.Connection, column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.func.as_text(column, type_=sa.String) if is_sqlite(connection) else sa.cast(column, sa.String)
