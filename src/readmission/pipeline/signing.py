"""Sign model versions: by the gate's decision, on a person's order, and those that an earlier release promoted.

The inference API loads only versions that are signed as promoted. A version that the ledger shows as promoted, or as
signed by a person, stays signed as promoted: a later rejection or rollback does not change its signature.
"""

from datetime import UTC, datetime

from readmission.adapters.database import InferenceDatabase, PromotionRecord
from readmission.adapters.registry import ONNX_DIGEST, ModelRegistry, ModelVersion
from readmission.adapters.signatures import DATASET_DIGEST, Signer, TrustedKeys
from readmission.domain.statement import PROMOTED, REJECTED, SignedDecision
from readmission.errors import NotFound, UntrustedModel
from readmission.log import get_logger

log = get_logger(__name__)

MIGRATION = "migration"
# the actions of the ledger after which serving loads a version
APPROVALS = ("promote", "sign")


def sign_decision(
    version: ModelVersion,
    decision: SignedDecision,
    *,
    registry: ModelRegistry,
    inference: InferenceDatabase,
    signer: Signer,
) -> None:
    """Sign a version as the gate decided. Signing it again changes nothing.

    A rejection does not replace the signature of a version that was promoted or that a person signed.
    """
    if decision == REJECTED and version.version in _approved_digests(version.name, inference):
        return
    registry.tag(version, signer.sign(version, decision))


def sign_version(
    number: str, reason: str, who: str, *, registry: ModelRegistry, inference: InferenceDatabase, signer: Signer
) -> ModelVersion:
    """Sign a version as promoted on a person's order, and record it in the ledger; returns the version.

    The ledger is written first, so after a kill the same command completes it. Raises :class:`NotFound` for an unknown
    version, and :class:`InvalidModel` when its model file is missing or has another digest.
    """
    # a gate that decides at the same time must not sign its rejection over this signature
    with inference.promotion_lock():
        version = registry.version(number)
        registry.download_onnx(version)
        # the text names this signature, so that a repeated command adds no second row
        run_id = f"sign-{version.onnx_digest}-{signer.public_key}"
        inference.record_promotion(_record(version, reason, who, run_id))
        registry.tag(version, signer.sign(version, PROMOTED))
    log.info("version signed", version=version.version, who=who, reason=reason)
    return version


def sign_promoted_versions(*, registry: ModelRegistry, inference: InferenceDatabase, signer: Signer) -> list[str]:
    """Sign the versions that the ledger shows as promoted and that this key has not signed; returns their numbers.

    If the ledger holds the digests of a version, only these are signed. A release without signatures recorded no
    digests: then the registry's digests are signed and recorded, once. A version that was deleted, or that has other
    digests now, is logged and skipped.
    """
    digests = _approved_digests(registry.model_name, inference)
    signed = []
    for number, recorded in digests.items():
        with inference.promotion_lock():
            if _sign_promoted(number, recorded, registry, inference, signer):
                signed.append(number)
    return signed


def digests_of(version: ModelVersion) -> dict[str, str]:
    """The digests that a signature of this version states, as evidence for the ledger."""
    return {ONNX_DIGEST: version.onnx_digest, DATASET_DIGEST: version.tags.get(DATASET_DIGEST, "")}


def recorded_digests(record: PromotionRecord) -> dict[str, str]:
    """The digests that a row of the ledger holds; empty for a row of a release without signatures."""
    return {name: record.evidence[name] for name in (ONNX_DIGEST, DATASET_DIGEST) if name in record.evidence}


def has_other_digests(version: ModelVersion, recorded: dict[str, str]) -> bool:
    """Whether a version differs from one of these digests."""
    return digests_of(version) != digests_of(version) | recorded


def _approved_digests(model_name: str, inference: InferenceDatabase) -> dict[str, dict[str, str]]:
    """The numbers of the promoted and signed versions, each with the newest digests that the ledger holds for it."""
    digests: dict[str, dict[str, str]] = {}
    for record in inference.promotions(model_name, APPROVALS):
        digests[record.version] = recorded_digests(record) or digests.get(record.version, {})
    return digests


def _sign_promoted(
    number: str, recorded: dict[str, str], registry: ModelRegistry, inference: InferenceDatabase, signer: Signer
) -> bool:
    try:
        version = registry.version(number)
    except NotFound:
        log.warning("promoted version is not in the registry", version=number)
        return False
    if not recorded:
        inference.record_promotion(_record(version, "promoted by a release without signatures", MIGRATION, MIGRATION))
    elif has_other_digests(version, recorded):
        log.error("promoted version not signed: the ledger has other digests", version=number)
        return False
    if _is_signed(version, signer):
        return False
    registry.tag(version, signer.sign(version, PROMOTED))
    log.info("promoted version signed", version=number)
    return True


def _is_signed(version: ModelVersion, signer: Signer) -> bool:
    try:
        TrustedKeys(signer.public_key).check(version)
    except UntrustedModel:
        return False
    return True


def _record(version: ModelVersion, reason: str, who: str, run_id: str) -> PromotionRecord:
    return PromotionRecord(
        action="sign",
        model_name=version.name,
        version=version.version,
        previous_version=None,
        who=who,
        at=datetime.now(UTC),
        reason=reason,
        evidence=digests_of(version),
        pipeline_run_id=run_id,
    )
