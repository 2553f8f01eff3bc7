"""A keyed hash of the caller's reference to the patient. Do not edit it: a change is a new revision."""

import sqlalchemy as sa

from readmission.adapters.database.migrations.steps import add_column

revision = "inference_0004"
down_revision = "inference_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add ``predictions.patient_reference``: 64 hexadecimal digits, unknown in the rows that are there."""
    add_column("predictions", sa.Column("patient_reference", sa.CHAR(64)))
