"""Raw encounters and the ledger of their batches. Do not edit this migration: a change is a new revision."""

import sqlalchemy as sa

from readmission.adapters.database.migrations.steps import UTC_DATETIME, create_table

revision = "raw_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create ``diabetes_raw`` and ``batches``."""
    _create_diabetes_raw()
    _create_batches()


def _create_diabetes_raw() -> None:
    create_table(
        "diabetes_raw",
        sa.Column("encounter_id", sa.BigInteger(), nullable=False),
        sa.Column("patient_nbr", sa.BigInteger(), nullable=False),
        sa.Column("race", sa.String(255)),
        sa.Column("gender", sa.String(255)),
        sa.Column("age", sa.String(255)),
        sa.Column("weight", sa.String(255)),
        sa.Column("admission_type_id", sa.BigInteger()),
        sa.Column("discharge_disposition_id", sa.BigInteger()),
        sa.Column("admission_source_id", sa.BigInteger()),
        sa.Column("time_in_hospital", sa.BigInteger()),
        sa.Column("payer_code", sa.String(255)),
        sa.Column("medical_specialty", sa.String(255)),
        sa.Column("num_lab_procedures", sa.BigInteger()),
        sa.Column("num_procedures", sa.BigInteger()),
        sa.Column("num_medications", sa.BigInteger()),
        sa.Column("number_outpatient", sa.BigInteger()),
        sa.Column("number_emergency", sa.BigInteger()),
        sa.Column("number_inpatient", sa.BigInteger()),
        sa.Column("diag_1", sa.String(255)),
        sa.Column("diag_2", sa.String(255)),
        sa.Column("diag_3", sa.String(255)),
        sa.Column("number_diagnoses", sa.BigInteger()),
        sa.Column("max_glu_serum", sa.String(255)),
        sa.Column("A1Cresult", sa.String(255)),
        sa.Column("metformin", sa.String(255)),
        sa.Column("repaglinide", sa.String(255)),
        sa.Column("nateglinide", sa.String(255)),
        sa.Column("chlorpropamide", sa.String(255)),
        sa.Column("glimepiride", sa.String(255)),
        sa.Column("acetohexamide", sa.String(255)),
        sa.Column("glipizide", sa.String(255)),
        sa.Column("glyburide", sa.String(255)),
        sa.Column("tolbutamide", sa.String(255)),
        sa.Column("pioglitazone", sa.String(255)),
        sa.Column("rosiglitazone", sa.String(255)),
        sa.Column("acarbose", sa.String(255)),
        sa.Column("miglitol", sa.String(255)),
        sa.Column("troglitazone", sa.String(255)),
        sa.Column("tolazamide", sa.String(255)),
        sa.Column("examide", sa.String(255)),
        sa.Column("citoglipton", sa.String(255)),
        sa.Column("insulin", sa.String(255)),
        sa.Column("glyburide_metformin", sa.String(255)),
        sa.Column("glipizide_metformin", sa.String(255)),
        sa.Column("glimepiride_pioglitazone", sa.String(255)),
        sa.Column("metformin_rosiglitazone", sa.String(255)),
        sa.Column("metformin_pioglitazone", sa.String(255)),
        sa.Column("change_medication", sa.String(255)),
        sa.Column("diabetesMed", sa.String(255)),
        sa.Column("readmitted", sa.String(255)),
        sa.Column("batch_number", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC_DATETIME, nullable=False),
        sa.PrimaryKeyConstraint("batch_number", "encounter_id"),
        sa.UniqueConstraint("encounter_id", name="uq_diabetes_raw_encounter_id"),
    )


def _create_batches() -> None:
    create_table(
        "batches",
        sa.Column("batch_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("object_key", sa.String(255), nullable=False),
        sa.Column("stored_at", UTC_DATETIME, nullable=False),
        sa.Column("pipeline_run_id", sa.String(250)),
        sa.Column("processed_at", UTC_DATETIME),
        sa.PrimaryKeyConstraint("batch_number"),
    )
