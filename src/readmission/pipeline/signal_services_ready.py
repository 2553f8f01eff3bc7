"""Task 11: mark the run's batches as processed, and make the inference API load the versions in production."""

from collections.abc import Iterable, Mapping

from readmission.adapters.database import RawDatabase
from readmission.adapters.inference_api import InferenceApi
from readmission.adapters.registry import ModelRegistry
from readmission.domain.horizon import HorizonName
from readmission.errors import InvalidModel, ModelNotLoaded, ReadmissionError
from readmission.log import get_logger
from readmission.pipeline.references import PromotionRef, complete
from readmission.pipeline.run_note import RunNote

log = get_logger(__name__)


def signal_services_ready(
    promotions: Iterable[PromotionRef],
    pipeline_run_id: str,
    *,
    raw: RawDatabase,
    registries: Mapping[HorizonName, ModelRegistry],
    inference_api: InferenceApi | None,
    run_note: RunNote,
) -> None:
    """Make the inference API, if one is set, load the production version of each horizon that was decided.

    If every horizon was decided, the batches are marked as processed, and the run's note becomes the decisions. Else
    the decisions are added to the note, which says already what failed.

    Raises :class:`ModelNotLoaded` when the inference API serves another version afterwards: Airflow's retry asks again,
    and the inference API's workers also poll the alias themselves. Raises :class:`InvalidModel` when a horizon was not
    decided: the next run takes the batches again.
    """
    decided = {promotion["horizon"]: promotion for promotion in complete(PromotionRef, promotions)}
    missing = [horizon for horizon in registries if horizon not in decided]
    decisions = {str(horizon): _decision(decided[horizon]) for horizon in registries if horizon in decided}
    if missing:
        run_note.add(decisions)
    else:
        # a batch that an earlier run has finished keeps that run
        batches = {number for promotion in decided.values() for number in promotion["run_batch_numbers"]}
        raw.mark_processed(sorted(batches), pipeline_run_id)
        run_note.write(decisions)
    if inference_api is not None:
        _load_all({horizon: registry for horizon, registry in registries.items() if horizon in decided}, inference_api)
    if missing:
        raise InvalidModel(f"no decision on {', '.join(missing)}, so the next run takes the batches again")


def _decision(promotion: PromotionRef) -> str:
    decision = "promoted" if promotion["promoted"] else "not promoted"
    return f"version {promotion['version']} {decision}: {promotion['reason']}"


def _load_all(registries: Mapping[HorizonName, ModelRegistry], inference_api: InferenceApi) -> None:
    """Load each horizon, also when another one's fails; raises the first error afterwards."""
    errors = []
    for horizon, registry in registries.items():
        try:
            _load(horizon, registry, inference_api)
        except ReadmissionError as error:
            log.warning("production version not loaded", horizon=horizon, reason=str(error))
            errors.append(error)
    if errors:
        raise errors[0]


def _load(horizon: HorizonName, registry: ModelRegistry, inference_api: InferenceApi) -> None:
    # read from the registry: when this task is cleared, a later run or rollback may have changed production
    production = registry.production()
    if production is None:
        return
    served = inference_api.reload_model(horizon)["model_version"]
    if served != production.version:
        raise ModelNotLoaded(f"the inference API serves version {served} for {horizon}, not {production.version}")
    log.info("service ready", horizon=horizon, version=served)
