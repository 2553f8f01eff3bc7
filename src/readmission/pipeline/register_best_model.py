"""Task 9: register a horizon's best candidate as a model version, after comparing its model file with its pipeline."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from readmission.adapters.experiment import Experiment, TrainingRun
from readmission.adapters.object_store import DATASETS, ObjectStore
from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelRegistry
from readmission.domain.horizon import HorizonName
from readmission.domain.model_file import ModelFileMetadata
from readmission.errors import InvalidModel
from readmission.log import get_logger
from readmission.modeling.background import background_sample
from readmission.modeling.candidates import load
from readmission.modeling.export import check_parity, export
from readmission.pipeline.references import DatasetRef, RegisteredRef, TrainedRef, complete

log = get_logger(__name__)

_TAGS = ("candidate", "target", "data_source", "dataset_digest", "batch_numbers", "pipeline_run_id", "git_commit")


def register_best_model(
    horizon: HorizonName,
    trained: Iterable[TrainedRef],
    *,
    store: ObjectStore,
    experiment: Experiment,
    registries: Mapping[HorizonName, ModelRegistry],
    candidates: Sequence[str],
) -> RegisteredRef:
    """Register the candidate with the best validation ROC AUC; a run that has a version keeps it.

    ``trained`` holds the references of all horizons. Raises :class:`InvalidModel` when one of ``candidates`` was not
    trained for ``horizon``, when the best one predicts another horizon, or when its model file and its pipeline give
    different probabilities.
    """
    best = choose_best(horizon, trained, candidates)
    registry = registries[horizon]
    version = registry.find(best["run_id"])
    if version is None:
        run = experiment.run(best["run_id"])
        if run.tags["target"] != horizon:
            raise InvalidModel(f"run {run.run_id} predicts {run.tags['target']}, not {horizon}")
        onnx, parity = _model_file(run, best["dataset"], store, experiment)
        version = registry.register(run.run_id, onnx, _version_tags(run, parity))
    log.info(
        "model registered",
        horizon=horizon,
        version=version.version,
        candidate=best["candidate"],
        run=best["run_id"],
    )
    return RegisteredRef(
        horizon=horizon,
        dataset=best["dataset"],
        version=version.version,
        run_id=version.run_id,
        candidate=best["candidate"],
        onnx_digest=version.onnx_digest,
    )


def choose_best(horizon: HorizonName, trained: Iterable[TrainedRef], candidates: Sequence[str]) -> TrainedRef:
    """The horizon's candidate with the highest validation ROC AUC; of equal ones the first in alphabetical order.

    Raises :class:`InvalidModel` when one of ``candidates`` is missing: without it another one would be the best.
    """
    ours = [reference for reference in complete(TrainedRef, trained) if reference["horizon"] == horizon]
    missing = sorted(set(candidates) - {reference["candidate"] for reference in ours})
    if missing:
        raise InvalidModel(
            f"not trained for {horizon}: {', '.join(missing)}. Clear the failed instances of train_ml_models"
        )
    return min(ours, key=lambda reference: (-reference["validation_roc_auc"], reference["candidate"]))


def _model_file(
    run: TrainingRun, dataset: DatasetRef, store: ObjectStore, experiment: Experiment
) -> tuple[bytes, float]:
    """The model file of a run, and its largest difference of probability from the pipeline on the validation split."""
    pipeline = experiment.load_pipeline(run.run_id, load(run.tags["candidate"]).trusted_types)
    train = store.get_frame(DATASETS, f"{dataset['digest']}/train.parquet")
    onnx = export(pipeline, _metadata(run), background_sample(train, int(run.tags["seed"])))
    validation = store.get_frame(DATASETS, f"{dataset['digest']}/validation.parquet")
    parity = check_parity(pipeline, OnnxModel.from_bytes(onnx).predict_probability, validation)
    return onnx, parity


def _metadata(run: TrainingRun) -> ModelFileMetadata:
    return ModelFileMetadata(
        target=run.tags["target"],
        threshold=run.metrics["threshold"],
        risk_band_medium=run.metrics["risk_band_medium"],
        risk_band_high=run.metrics["risk_band_high"],
        data_source=run.tags["data_source"],
        candidate=run.tags["candidate"],
        calibrated=run.tags["calibrated"] == "true",
        dataset_digest=run.tags["dataset_digest"],
        trained_at=datetime.fromisoformat(run.tags["trained_at"]),
    )


def _version_tags(run: TrainingRun, parity: float) -> dict[str, str]:
    metrics = {name: str(value) for name, value in run.metrics.items()}
    return (
        metrics
        | {name: run.tags[name] for name in _TAGS}
        | {"calibrated": run.tags["calibrated"], "parity": str(parity)}
    )
