"""Replace the version in production by the previous one, on a person's order, and record it in the ledger."""

from datetime import UTC, datetime

from readmission.adapters.database import InferenceDatabase, PromotionRecord
from readmission.adapters.registry import ModelRegistry, ModelVersion
from readmission.errors import NotFound
from readmission.log import get_logger

log = get_logger(__name__)


def roll_back(reason: str, who: str, *, registry: ModelRegistry, inference: InferenceDatabase) -> ModelVersion:
    """Put the previous version back into production; returns it.

    The ledger is written first, so after a kill the same command completes the rollback. Raises :class:`NotFound` when
    no version is in production or there is no previous one.
    """
    current, previous = registry.production(), registry.previous()
    if current is None or previous is None or current.version == previous.version:
        raise NotFound(f"{registry.model_name} has no previous version to go back to")
    inference.record_promotion(
        PromotionRecord(
            action="rollback",
            model_name=current.name,
            version=current.version,
            previous_version=previous.version,
            who=who,
            at=datetime.now(UTC),
            reason=reason,
            evidence={},
            # no run id: the text names this rollback, so that a repeated command adds no second row
            pipeline_run_id=f"rollback-{current.version}-to-{previous.version}",
        )
    )
    restored = registry.rollback()
    log.info("rolled back", withdrawn=current.version, production=restored.version, who=who, reason=reason)
    return restored
