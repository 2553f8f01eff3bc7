"""Task 11: close the run and see that the inference API serves the model in production."""

from readmission.adapters.database import RawDatabase
from readmission.adapters.inference_api import InferenceApi
from readmission.adapters.registry import ModelRegistry
from readmission.errors import ModelNotLoaded
from readmission.log import get_logger
from readmission.pipeline.references import BatchRef, PromotionRef

log = get_logger(__name__)


def signal_services_ready(
    promotion: PromotionRef,
    batches: list[BatchRef],
    pipeline_run_id: str,
    *,
    raw: RawDatabase,
    registry: ModelRegistry,
    inference_api: InferenceApi | None,
) -> None:
    """Mark the batches as processed; then ask the inference API to load the production version, where one is set.

    Raises :class:`ModelNotLoaded` when it serves another version afterwards: Airflow's retry asks again, and the
    workers follow the alias by themselves in any case.
    """
    raw.mark_processed([ref["batch_number"] for ref in batches], pipeline_run_id)
    if inference_api is None:
        return
    # asked anew: a task that is cleared later finds what a later run or a rollback put into production
    production = registry.production()
    if production is None:
        return
    served = inference_api.reload_model()["model_version"]
    if served != production.version:
        raise ModelNotLoaded(f"the inference API serves version {served}, not {production.version}")
    log.info("services ready", version=served, promoted=promotion["promoted"], reason=promotion["reason"])
