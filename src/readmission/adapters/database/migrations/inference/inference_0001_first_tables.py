"""Predictions, outcomes and the append-only ledger of promotions. Do not edit it: a change is a new revision."""

import sqlalchemy as sa

from readmission.adapters.database.migrations.steps import (
    SERIAL,
    UTC_DATETIME,
    create_index,
    create_table,
    forbid_changes,
)

revision = "inference_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create ``predictions``, ``outcomes`` and the append-only ``promotions``."""
    _create_predictions()
    _create_outcomes()
    _create_promotions()
    forbid_changes("promotions")


def _create_predictions() -> None:
    create_table(
        "predictions",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("prediction_id", sa.String(64), nullable=False),
        sa.Column("created_at", UTC_DATETIME, nullable=False),
        sa.Column("model_name", sa.String(128), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("prediction", sa.SmallInteger(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("prediction_id", name="uq_predictions_prediction_id"),
    )
    create_index("ix_predictions_created_at", "predictions", ["created_at"])


def _create_outcomes() -> None:
    create_table(
        "outcomes",
        sa.Column("prediction_id", sa.String(64), nullable=False),
        sa.Column("readmitted", sa.SmallInteger(), nullable=False),
        sa.Column("observed_at", UTC_DATETIME, nullable=False),
        sa.Column("recorded_at", UTC_DATETIME, nullable=False),
        sa.PrimaryKeyConstraint("prediction_id"),
        sa.ForeignKeyConstraint(["prediction_id"], ["predictions.prediction_id"]),
    )


def _create_promotions() -> None:
    create_table(
        "promotions",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("model_name", sa.String(128), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("previous_version", sa.String(64)),
        sa.Column("who", sa.String(128), nullable=False),
        sa.Column("at", UTC_DATETIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("pipeline_run_id", sa.String(250), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("model_name", "version", "action", "pipeline_run_id", name="uq_promotions_once"),
    )
