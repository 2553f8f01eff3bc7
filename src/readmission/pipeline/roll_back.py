"""Replace the version in production by the previous one, on a person's order, and record it in the ledger."""

from datetime import UTC, datetime

from readmission.adapters.database import InferenceDatabase, PromotionRecord
from readmission.adapters.registry import ModelRegistry, ModelVersion
from readmission.adapters.signatures import SIGNED_DECISION, TrustedKeys
from readmission.domain.statement import PROMOTED
from readmission.errors import Conflict, NotFound, UntrustedModel
from readmission.log import get_logger

log = get_logger(__name__)

# the name that every release has published
HORIZON_TAG = "target"


def roll_back(
    reason: str,
    who: str,
    *,
    registry: ModelRegistry,
    inference: InferenceDatabase,
    trusted: TrustedKeys | None = None,
) -> ModelVersion:
    """Put the previous version back into production; returns it.

    The ledger is written first, so after a kill the same command completes the rollback. Raises :class:`NotFound` when
    no version is in production or there is no previous one, and :class:`Conflict` when production changed while the
    command waited for a promotion, or when the inference API would refuse the previous version: it is not signed, or it
    predicts another horizon. ``trusted`` checks its signature; without keys only the decision that it states is read.
    """
    withdrawn, _ = _versions(registry, inference)
    with inference.promotion_lock():
        current, restored = _versions(registry, inference)
        if current.version != withdrawn.version:
            raise Conflict(
                f"version {withdrawn.version} was in production, now it is version {current.version}: nothing was "
                "rolled back. Look at the new version, and give the order again if it is still wanted"
            )
        _check_horizon(withdrawn, restored)
        _check_signed(restored, trusted)
        inference.record_promotion(
            PromotionRecord(
                action="rollback",
                model_name=withdrawn.name,
                version=withdrawn.version,
                previous_version=restored.version,
                who=who,
                at=datetime.now(UTC),
                reason=reason,
                evidence={},
                # no run id: the text names this rollback, so that a repeated command adds no second row
                pipeline_run_id=f"rollback-{withdrawn.version}-to-{restored.version}",
            )
        )
        registry.rollback(withdrawn, restored)
    log.info("rolled back", withdrawn=withdrawn.version, production=restored.version, who=who, reason=reason)
    return restored


def unfinished_rollback(registry: ModelRegistry, inference: InferenceDatabase) -> PromotionRecord | None:
    """The newest change in the ledger if it is a rollback that was killed before or between its two aliases."""
    changes = inference.promotions(registry.model_name, ("promote", "rollback"))
    current, previous = registry.production(), registry.previous()
    if not changes or changes[-1].action != "rollback" or current is None or previous is None:
        return None
    # a rollback that was completed leaves no previous version
    at_work = current.version in (changes[-1].version, changes[-1].previous_version)
    return changes[-1] if at_work and previous.version == changes[-1].previous_version else None


def _check_horizon(withdrawn: ModelVersion, restored: ModelVersion) -> None:
    # an earlier release had one registered model for whatever its setting TARGET said
    ours, theirs = withdrawn.tags.get(HORIZON_TAG), restored.tags.get(HORIZON_TAG)
    if ours and theirs and ours != theirs:
        raise Conflict(
            f"{restored.name} version {restored.version} predicts {theirs}, version {withdrawn.version} in "
            f"production {ours}: the inference API would refuse it. Nothing was rolled back"
        )


def _check_signed(version: ModelVersion, trusted: TrustedKeys | None) -> None:
    horizon = f" --horizon {version.tags[HORIZON_TAG]}" if HORIZON_TAG in version.tags else ""
    command = f"readmission sign {version.version}{horizon} --reason ..."
    why = f"{version.name} version {version.version} is not signed as promoted: {command} first"
    if version.tags.get(SIGNED_DECISION) != PROMOTED:
        raise Conflict(why)
    try:
        if trusted is not None:
            trusted.check(version)
    except UntrustedModel as error:
        raise Conflict(why) from error


def _versions(registry: ModelRegistry, inference: InferenceDatabase) -> tuple[ModelVersion, ModelVersion]:
    """The version to withdraw and the one to restore."""
    if killed := unfinished_rollback(registry, inference):
        return registry.version(killed.version), registry.version(str(killed.previous_version))
    current, previous = registry.production(), registry.previous()
    # equal after half a promotion, which leaves the old version in both aliases
    if current is None or previous is None or current.version == previous.version:
        raise NotFound(f"{registry.model_name} has no previous version to go back to")
    return current, previous
