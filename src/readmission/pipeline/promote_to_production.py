"""Task 10: decide whether a horizon's registered version goes into production, and record the decision in the ledger.

The ledger is written before aliases and tags, so a task that was killed finds its decision there and completes it.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

from readmission.adapters.database import InferenceDatabase, PromotionRecord
from readmission.adapters.object_store import DATASETS, ObjectStore
from readmission.adapters.registry import PROMOTION, ROLLED_BACK, ModelRegistry, ModelVersion
from readmission.adapters.signatures import Signer, TrustedKeys
from readmission.domain.gate.evidence import Limits
from readmission.domain.horizon import HorizonName
from readmission.domain.promotion import Action, Decision, decide
from readmission.domain.statement import PROMOTED, REJECTED, SignedDecision
from readmission.errors import Conflict, InvalidModel
from readmission.log import get_logger
from readmission.pipeline.gate_evidence import HeldOut, gather
from readmission.pipeline.references import PromotionRef, RegisteredRef, complete
from readmission.pipeline.roll_back import unfinished_rollback
from readmission.pipeline.signing import digests_of, has_other_digests, recorded_digests, sign_decision

log = get_logger(__name__)

PROMOTION_REASON = "promotion_reason"
_OUTCOME: dict[str, SignedDecision] = {"promote": PROMOTED, "reject": REJECTED}
# the gate had promoted it, but production changed before its alias was set
SUPERSEDED = "superseded"


def promote_to_production(
    horizon: HorizonName,
    registered: Iterable[RegisteredRef],
    pipeline_run_id: str,
    *,
    store: ObjectStore,
    registries: Mapping[HorizonName, ModelRegistry],
    inference: InferenceDatabase,
    signer: Signer,
    seed: int,
    bootstrap_rounds: int,
    limits: Mapping[HorizonName, Limits],
    who: str = "pipeline",
) -> PromotionRef:
    """Decide once for each version and pipeline run; a repeated task completes the recorded decision.

    ``registered`` holds the references of all horizons. Raises :class:`InvalidModel` when there is none of ``horizon``,
    when the model file of its version is broken or predicts another horizon, or when the version has other digests than
    those that were measured, and :class:`Conflict` when production changed while the gate measured; a retry measures
    again.
    """
    ours = _of(horizon, registered)
    registry = registries[horizon]
    version = registry.version(ours["version"])
    record = _recorded(version, pipeline_run_id, inference)
    if record is None:
        production = registry.production()
        test = store.get_frame(DATASETS, f"{ours['dataset']['digest']}/test.parquet")
        rows = HeldOut.of(test, horizon, bootstrap_rounds, seed)
        trusted = TrustedKeys(signer.public_key)
        decision = decide(gather(version, production, rows, limits[horizon], registry, inference, trusted))
        if decision.action is Action.KEEP:
            return _reference(ours, registry, promoted=False, reason=decision.reason)
        record = _record(version, production, decision, pipeline_run_id, who)
    with inference.promotion_lock():
        record = _settle(record, registry, inference, signer)
    reference = _reference(ours, registry, promoted=record.action == "promote", reason=record.reason)
    log.info("promotion decided", **reference)
    return reference


def _of(horizon: HorizonName, registered: Iterable[RegisteredRef]) -> RegisteredRef:
    for reference in complete(RegisteredRef, registered):
        if reference["horizon"] == horizon:
            return reference
    raise InvalidModel(f"no version was registered for {horizon}")


def _settle(
    record: PromotionRecord, registry: ModelRegistry, inference: InferenceDatabase, signer: Signer
) -> PromotionRecord:
    """Write the decision and carry it out, or complete the one in the ledger. Needs the promotion lock."""
    version = registry.version(record.version)
    recorded = _recorded(version, record.pipeline_run_id, inference)
    # the tag comes last: with it, whatever is different now was done by a person or by a later run
    if recorded and PROMOTION in version.tags:
        return recorded
    decided = recorded or record
    _check_digests(decided, version)
    if recorded is None:
        _check_unchanged(record, registry, inference)
        inference.record_promotion(record)
    _complete(decided, version, registry, inference, signer)
    return decided


def _check_digests(decided: PromotionRecord, version: ModelVersion) -> None:
    # anybody who can write to MLflow can change the digests after the measurement, and a signature would state them
    if has_other_digests(version, recorded_digests(decided)):
        raise InvalidModel(f"version {version.version} has other digests now than when the gate examined it")


def _check_unchanged(decided: PromotionRecord, registry: ModelRegistry, inference: InferenceDatabase) -> None:
    current = _number(registry.production())
    if current != decided.previous_version:
        raise Conflict(
            f"{_in_production(decided.previous_version)} when the gate compared, now {_in_production(current)}: "
            "nothing was decided, a retry compares again"
        )
    killed = unfinished_rollback(registry, inference)
    if killed and killed.version == current:
        raise Conflict(f"the rollback of version {current} is not finished: run `readmission rollback` again")


def _in_production(number: str | None) -> str:
    return f"version {number} was in production" if number else "no version was in production"


def _number(version: ModelVersion | None) -> str | None:
    return version.version if version else None


def _complete(
    record: PromotionRecord,
    version: ModelVersion,
    registry: ModelRegistry,
    inference: InferenceDatabase,
    signer: Signer,
) -> None:
    """Sign, then set aliases, then tags, as the ledger says; the alias only if production is as at the decision."""
    if version.tags.get(PROMOTION) == ROLLED_BACK:
        return
    sign_decision(version, _OUTCOME[record.action], registry=registry, inference=inference, signer=signer)
    outcome: str = _OUTCOME[record.action]
    # what a person or a newer run has put into production meanwhile stays there
    if outcome == PROMOTED and _number(registry.production()) not in (record.previous_version, version.version):
        outcome = SUPERSEDED
    if outcome == PROMOTED:
        registry.promote(version)
    registry.tag(version, {PROMOTION_REASON: record.reason, PROMOTION: outcome})


def _recorded(version: ModelVersion, pipeline_run_id: str, inference: InferenceDatabase) -> PromotionRecord | None:
    decisions = inference.promotions(version.name, _OUTCOME)
    ours = (row for row in decisions if (row.version, row.pipeline_run_id) == (version.version, pipeline_run_id))
    return next(ours, None)


def _record(
    version: ModelVersion, production: ModelVersion | None, decision: Decision, pipeline_run_id: str, who: str
) -> PromotionRecord:
    action: Literal["promote", "reject"] = "promote" if decision.action is Action.PROMOTE else "reject"
    return PromotionRecord(
        action=action,
        model_name=version.name,
        version=version.version,
        previous_version=production.version if production else None,
        who=who,
        at=datetime.now(UTC),
        reason=decision.reason,
        evidence=decision.evidence | digests_of(version),
        pipeline_run_id=pipeline_run_id,
    )


def _reference(decided: RegisteredRef, registry: ModelRegistry, *, promoted: bool, reason: str) -> PromotionRef:
    production = _number(registry.production())
    return PromotionRef(
        horizon=decided["horizon"],
        run_batch_numbers=decided["dataset"]["run_batch_numbers"],
        promoted=promoted and production == decided["version"],
        reason=reason,
        version=decided["version"],
        production_version=production,
    )
