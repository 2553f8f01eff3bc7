"""Task 10: decide whether a registered version goes into production, and record the decision in the ledger.

The ledger is written before tags and aliases, so a task that was killed finds its decision there and completes it.
"""

import json
from datetime import UTC, datetime
from typing import Literal

import pandas as pd

from readmission.adapters.database import InferenceDatabase, PromotionRecord
from readmission.adapters.object_store import DATASETS, ObjectStore
from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import PROMOTION, ROLLED_BACK, ModelRegistry, ModelVersion
from readmission.adapters.signatures import Signer
from readmission.domain.bootstrap import roc_auc, roc_auc_difference
from readmission.domain.cohort import Target
from readmission.domain.promotion import Action, Challenger, Comparison, Decision, Production, decide
from readmission.domain.statement import PROMOTED, REJECTED, Outcome
from readmission.errors import InvalidModel
from readmission.log import get_logger
from readmission.modeling.evaluation import observations
from readmission.modeling.features import ClinicalEncoder
from readmission.pipeline.references import DatasetRef, PromotionRef, RegisteredRef
from readmission.pipeline.signing import digests_of, sign_decision

log = get_logger(__name__)

PROMOTION_REASON = "promotion_reason"
_OUTCOME: dict[str, Outcome] = {"promote": PROMOTED, "reject": REJECTED}


def promote_to_production(
    registered: RegisteredRef,
    dataset: DatasetRef,
    pipeline_run_id: str,
    *,
    store: ObjectStore,
    registry: ModelRegistry,
    inference: InferenceDatabase,
    signer: Signer,
    target: Target,
    seed: int,
    bootstrap_rounds: int,
    who: str = "pipeline",
) -> PromotionRef:
    """Decide once for each version and pipeline run; a repeated task completes the recorded decision.

    Raises :class:`InvalidModel` when the model file of the registered version is broken or predicts another target.
    """
    version = registry.version(registered["version"])
    record = _recorded(version, pipeline_run_id, inference)
    if record is None:
        production = registry.production()
        test = store.get_frame(DATASETS, f"{dataset['digest']}/test.parquet")
        decision = _decision(version, production, test, registry, target, bootstrap_rounds, seed)
        if decision.action is Action.KEEP:
            return _reference(version, registry, promoted=False, reason=decision.reason)
        record = _record(version, production, decision, pipeline_run_id, who)
        inference.record_promotion(record)
    sign_decision(version, _OUTCOME[record.action], registry=registry, inference=inference, signer=signer)
    _complete(record, version, registry)
    reference = _reference(version, registry, promoted=record.action == "promote", reason=record.reason)
    log.info("promotion decided", **reference)
    return reference


def _recorded(version: ModelVersion, pipeline_run_id: str, inference: InferenceDatabase) -> PromotionRecord | None:
    ours = (version.name, version.version, pipeline_run_id)
    for record in inference.promotions():
        if (record.model_name, record.version, record.pipeline_run_id) == ours and record.action != "rollback":
            return record
    return None


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


def _complete(record: PromotionRecord, version: ModelVersion, registry: ModelRegistry) -> None:
    """Set tags and aliases as the ledger says; the alias only if production has not changed since the decision."""
    if version.tags.get(PROMOTION) == ROLLED_BACK:
        return
    registry.tag(version, {PROMOTION: _OUTCOME[record.action], PROMOTION_REASON: record.reason})
    current = registry.production()
    # an old run that is cleared must not replace a newer version in production
    if record.action == "promote" and (current.version if current else None) == record.previous_version:
        registry.promote(version)


def _reference(version: ModelVersion, registry: ModelRegistry, *, promoted: bool, reason: str) -> PromotionRef:
    production = registry.production()
    in_production = production is not None and production.version == version.version
    return PromotionRef(
        promoted=promoted and in_production,
        reason=reason,
        version=version.version,
        production_version=production.version if production else None,
    )


def _decision(
    version: ModelVersion,
    production: ModelVersion | None,
    test: pd.DataFrame,
    registry: ModelRegistry,
    target: Target,
    rounds: int,
    seed: int,
) -> Decision:
    """Measure the model files of both versions on the test rows and apply the rules of ``domain.promotion``."""
    observed = observations(test, target)
    matrix = ClinicalEncoder().transform(test)
    model = OnnxModel.from_bytes(registry.download_onnx(version))
    if model.metadata.target != target:
        raise InvalidModel(f"version {version.version} predicts {model.metadata.target}, not {target}")
    probability = model.predict_probability(matrix)
    challenger = _challenger(version, model, target, roc_auc(observed, probability))
    if production is None:
        return decide(challenger, None, None)
    incumbent, incumbent_model = _incumbent(production, registry)
    comparison = None
    if incumbent_model and incumbent.target == target:
        theirs = incumbent_model.predict_probability(matrix)
        difference = roc_auc_difference(observed, probability, theirs, rounds, seed)
        comparison = Comparison(roc_auc(observed, theirs), difference)
    return decide(challenger, incumbent, comparison)


def _challenger(version: ModelVersion, model: OnnxModel, target: Target, test_roc_auc: float) -> Challenger:
    return Challenger(
        version=version.version,
        target=target,
        data_source=model.metadata.data_source,
        batch_numbers=_batch_numbers(version),
        test_roc_auc=test_roc_auc,
        parity=float(version.tags["parity"]) if "parity" in version.tags else None,
        rolled_back=version.tags.get(PROMOTION) == ROLLED_BACK,
    )


def _incumbent(production: ModelVersion, registry: ModelRegistry) -> tuple[Production, OnnxModel | None]:
    try:
        model = OnnxModel.from_bytes(registry.download_onnx(production))
    except InvalidModel as error:
        return Production(production.version, unusable=str(error)), None
    return (
        Production(
            production.version,
            target=model.metadata.target,
            data_source=model.metadata.data_source,
            batch_numbers=_batch_numbers(production),
        ),
        model,
    )


def _batch_numbers(version: ModelVersion) -> frozenset[int]:
    return frozenset(json.loads(version.tags.get("batch_numbers", "[]")))
