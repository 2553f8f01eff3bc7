"""The tables of the three databases, derived from the raw contract in ``domain.schema``.

The migrations under ``migrations/`` create the same tables; a test compares them.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    CHAR,
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from readmission.domain import schema
from readmission.domain.schema import FEATURES, INTEGER_KINDS, Kind

# raw text is stored as received, so the columns are wider than any value of the contract
RAW_TEXT = 255
CATEGORY_TEXT = 64
ICD9_TEXT = 8
# binary collation: MySQL compares text case-sensitively, as SQLite does
_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Datetimes with a time zone, stored in UTC without the zone, to the microsecond.

    Storing a datetime without a time zone raises ``ValueError``.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """MySQL's DATETIME(6), which keeps microseconds; elsewhere the plain type."""
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to UTC and drop the zone; raises ``ValueError`` for a datetime without one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Add the zone UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


def _raw_column(column: schema.Column) -> Column[Any]:
    is_identifier = column.kind is Kind.IDENTIFIER
    kind = BigInteger() if column.kind in INTEGER_KINDS else String(RAW_TEXT)
    return Column(column.name, kind, nullable=not is_identifier)


def _clean_column(column: schema.Column) -> Column[Any]:
    if column.kind in INTEGER_KINDS:
        return Column(column.name, SmallInteger(), nullable=not column.required)
    width = ICD9_TEXT if column.kind is Kind.ICD9 else CATEGORY_TEXT
    return Column(column.name, String(width), nullable=not column.required)


def _serial() -> Column[int]:
    # SQLite autoincrements only a column of type INTEGER
    return Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)


raw_metadata = MetaData()
clean_metadata = MetaData()
inference_metadata = MetaData()

# the primary key starts with the batch number: InnoDB then appends a batch as one block and reads it as one range
diabetes_raw = Table(
    "diabetes_raw",
    raw_metadata,
    *(_raw_column(column) for column in schema.COLUMNS),
    Column("batch_number", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("batch_number", "encounter_id"),
    UniqueConstraint("encounter_id", name="uq_diabetes_raw_encounter_id"),
    **_OPTIONS,
)

batches = Table(
    "batches",
    raw_metadata,
    Column("batch_number", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("source", String(64), nullable=False),
    Column("object_key", String(255), nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
    Column("pipeline_run_id", String(250)),
    Column("processed_at", UtcDateTime),
    **_OPTIONS,
)

diabetes_clean = Table(
    "diabetes_clean",
    clean_metadata,
    Column("encounter_id", BigInteger, nullable=False),
    Column("patient_nbr", BigInteger, nullable=False),
    *(_clean_column(column) for column in FEATURES),
    Column("readmitted", SmallInteger, nullable=False),
    Column("readmitted_within_30_days", SmallInteger, nullable=False),
    Column("split", String(16)),
    Column("batch_number", Integer, nullable=False),
    PrimaryKeyConstraint("batch_number", "encounter_id"),
    UniqueConstraint("encounter_id", name="uq_diabetes_clean_encounter_id"),
    Index("ix_diabetes_clean_split", "split"),
    Index("ix_diabetes_clean_patient_nbr", "patient_nbr"),
    **_OPTIONS,
)

predictions = Table(
    "predictions",
    inference_metadata,
    _serial(),
    Column("prediction_id", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("model_name", String(128), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("probability", Double, nullable=False),
    Column("prediction", SmallInteger, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("features", JSON, nullable=False),
    Column("source", String(32), nullable=False),
    # nullable: during an upgrade, workers of the earlier release still insert rows without it
    Column("risks", JSON(none_as_null=True)),
    Column("patient_reference", CHAR(64)),
    UniqueConstraint("prediction_id", name="uq_predictions_prediction_id"),
    Index("ix_predictions_created_at", "created_at"),
    **_OPTIONS,
)

outcomes = Table(
    "outcomes",
    inference_metadata,
    Column("prediction_id", String(64), ForeignKey("predictions.prediction_id"), primary_key=True),
    Column("readmitted", SmallInteger, nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("days_until_readmission", Integer),
    **_OPTIONS,
)

promotions = Table(
    "promotions",
    inference_metadata,
    _serial(),
    Column("action", String(16), nullable=False),
    Column("model_name", String(128), nullable=False),
    Column("version", String(64), nullable=False),
    Column("previous_version", String(64)),
    Column("who", String(128), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("pipeline_run_id", String(250), nullable=False),
    UniqueConstraint("model_name", "version", "action", "pipeline_run_id", name="uq_promotions_once"),
    **_OPTIONS,
)
