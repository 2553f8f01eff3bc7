"""Make ``promotions`` append-only where a server refused it before. Do not edit it: a change is a new revision."""

from readmission.adapters.database.migrations.steps import forbid_changes

revision = "inference_0002"
down_revision = "inference_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the missing triggers of ``promotions``: until now a server that refused them was only logged."""
    forbid_changes("promotions")
