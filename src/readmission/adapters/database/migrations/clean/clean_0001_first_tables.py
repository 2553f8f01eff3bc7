"""Clean encounters and a view of each split. Do not edit this migration: a change is a new revision."""

import sqlalchemy as sa

from readmission.adapters.database.migrations.steps import create_index, create_table, create_view

revision = "clean_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create ``diabetes_clean`` with its indexes and views."""
    create_table(
        "diabetes_clean",
        sa.Column("encounter_id", sa.BigInteger(), nullable=False),
        sa.Column("patient_nbr", sa.BigInteger(), nullable=False),
        sa.Column("race", sa.String(64)),
        sa.Column("gender", sa.String(64)),
        sa.Column("age", sa.String(64), nullable=False),
        sa.Column("admission_type_id", sa.SmallInteger()),
        sa.Column("discharge_disposition_id", sa.SmallInteger()),
        sa.Column("admission_source_id", sa.SmallInteger()),
        sa.Column("time_in_hospital", sa.SmallInteger(), nullable=False),
        sa.Column("payer_code", sa.String(64)),
        sa.Column("medical_specialty", sa.String(64)),
        sa.Column("num_lab_procedures", sa.SmallInteger(), nullable=False),
        sa.Column("num_procedures", sa.SmallInteger(), nullable=False),
        sa.Column("num_medications", sa.SmallInteger(), nullable=False),
        sa.Column("number_outpatient", sa.SmallInteger(), nullable=False),
        sa.Column("number_emergency", sa.SmallInteger(), nullable=False),
        sa.Column("number_inpatient", sa.SmallInteger(), nullable=False),
        sa.Column("diag_1", sa.String(8)),
        sa.Column("diag_2", sa.String(8)),
        sa.Column("diag_3", sa.String(8)),
        sa.Column("number_diagnoses", sa.SmallInteger(), nullable=False),
        sa.Column("max_glu_serum", sa.String(64)),
        sa.Column("A1Cresult", sa.String(64)),
        sa.Column("metformin", sa.String(64)),
        sa.Column("repaglinide", sa.String(64)),
        sa.Column("nateglinide", sa.String(64)),
        sa.Column("chlorpropamide", sa.String(64)),
        sa.Column("glimepiride", sa.String(64)),
        sa.Column("acetohexamide", sa.String(64)),
        sa.Column("glipizide", sa.String(64)),
        sa.Column("glyburide", sa.String(64)),
        sa.Column("tolbutamide", sa.String(64)),
        sa.Column("pioglitazone", sa.String(64)),
        sa.Column("rosiglitazone", sa.String(64)),
        sa.Column("acarbose", sa.String(64)),
        sa.Column("miglitol", sa.String(64)),
        sa.Column("troglitazone", sa.String(64)),
        sa.Column("tolazamide", sa.String(64)),
        sa.Column("insulin", sa.String(64)),
        sa.Column("glyburide_metformin", sa.String(64)),
        sa.Column("glipizide_metformin", sa.String(64)),
        sa.Column("glimepiride_pioglitazone", sa.String(64)),
        sa.Column("metformin_rosiglitazone", sa.String(64)),
        sa.Column("metformin_pioglitazone", sa.String(64)),
        sa.Column("change_medication", sa.String(64)),
        sa.Column("diabetesMed", sa.String(64)),
        sa.Column("readmitted", sa.SmallInteger(), nullable=False),
        sa.Column("readmitted_within_30_days", sa.SmallInteger(), nullable=False),
        sa.Column("split", sa.String(16)),
        sa.Column("batch_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("batch_number", "encounter_id"),
        sa.UniqueConstraint("encounter_id", name="uq_diabetes_clean_encounter_id"),
    )
    create_index("ix_diabetes_clean_patient_nbr", "diabetes_clean", ["patient_nbr"])
    create_index("ix_diabetes_clean_split", "diabetes_clean", ["split"])
    for split in ("train", "validation", "test"):
        create_view(f"{split}_data", f"SELECT * FROM diabetes_clean WHERE split = '{split}'")  # noqa: S608
