"""Task 11: mark the run's batches as processed, and make the inference API load the production version."""

from readmission.adapters.database import RawDatabase
from readmission.adapters.inference_api import InferenceApi
from readmission.adapters.registry import ModelRegistry
from readmission.errors import ModelNotLoaded
from readmission.log import get_logger
from readmission.pipeline.references import BatchRef, PromotionRef
from readmission.pipeline.run_note import RunNote

log = get_logger(__name__)


def signal_services_ready(
    promotion: PromotionRef,
    batches: list[BatchRef],
    pipeline_run_id: str,
    *,
    raw: RawDatabase,
    registry: ModelRegistry,
    inference_api: InferenceApi | None,
    run_note: RunNote,
) -> None:
    """Mark the batches as processed; then ask the inference API, if one is set, to load the production version.

    The run's note becomes the gate's decision.

    Raises :class:`ModelNotLoaded` when it serves another version afterwards. Airflow's retry asks again, and the
    inference API's workers also poll the alias themselves.
    """
    raw.mark_processed([ref["batch_number"] for ref in batches], pipeline_run_id)
    decision = "promoted" if promotion["promoted"] else "not promoted"
    run_note.write(f"version {promotion['version']} {decision}: {promotion['reason']}")
    if inference_api is None:
        return
    # read from the registry: when this task is cleared, a later run or rollback may have changed production
    production = registry.production()
    if production is None:
        return
    served = inference_api.reload_model()["model_version"]
    if served != production.version:
        raise ModelNotLoaded(f"the inference API serves version {served}, not {production.version}")
    log.info("services ready", version=served, promoted=promotion["promoted"], reason=promotion["reason"])
