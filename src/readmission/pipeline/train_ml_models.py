"""Task 8: fit one candidate for one horizon, measure it on each split, and log all of it to its MLflow run."""

import json
from datetime import UTC, datetime

import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from readmission.adapters.experiment import Experiment, RunKey
from readmission.adapters.object_store import DATASETS, ObjectStore
from readmission.domain.cohort import SPLITS, Split
from readmission.domain.horizon import HorizonName
from readmission.log import get_logger
from readmission.modeling.candidate import THREADS
from readmission.modeling.candidates import load
from readmission.modeling.evaluation import Measurement, measure, observations
from readmission.modeling.fit import fit
from readmission.modeling.plots import Scored, plot_all
from readmission.pipeline.references import DatasetRef, TrainedRef, complete

log = get_logger(__name__)


def train_ml_models(
    candidate: str,
    horizon: HorizonName,
    dataset: DatasetRef,
    pipeline_run_id: str,
    *,
    store: ObjectStore,
    experiment: Experiment,
    seed: int,
    bootstrap_rounds: int,
) -> TrainedRef:
    """Train ``candidate`` to predict ``horizon`` on a frozen data set; a finished run with the same key is reused.

    Raises ``NotEnoughData`` when a split has too few encounters or only one outcome, and ``InvalidModel`` when an
    earlier release made the reference ``dataset``.
    """
    complete(DatasetRef, [dataset])
    run = experiment.start(RunKey(pipeline_run_id, candidate, dataset["digest"], horizon, seed))
    metrics = run.metrics
    if not run.finished:
        # predicting too, since several candidates train at the same time
        with experiment.recording(run.run_id), threadpool_limits(limits=THREADS):
            frames = _splits(dataset, store, horizon)
            pipeline = fit(candidate, frames["train"], horizon, seed)
            measurement = measure(
                lambda frame: pipeline.predict_proba(frame)[:, 1], frames, horizon, rounds=bootstrap_rounds, seed=seed
            )
            _log_model(run.run_id, candidate, pipeline, measurement, experiment)
            _log_numbers(run.run_id, dataset, pipeline, measurement, experiment)
            metrics = measurement.metrics
    log.info(
        "candidate trained",
        candidate=candidate,
        horizon=horizon,
        run=run.run_id,
        reused=run.finished,
        **_headline(metrics),
    )
    return TrainedRef(
        candidate=candidate,
        horizon=horizon,
        dataset=dataset,
        run_id=run.run_id,
        validation_roc_auc=metrics["validation_roc_auc"],
    )


def _splits(dataset: DatasetRef, store: ObjectStore, horizon: HorizonName) -> dict[Split, pd.DataFrame]:
    frames = {split: store.get_frame(DATASETS, f"{dataset['digest']}/{split}.parquet") for split in SPLITS}
    for frame in frames.values():
        # raises before the slow fit when a split cannot be measured
        observations(frame, horizon)
    return frames


def _log_model(
    run_id: str, candidate: str, pipeline: Pipeline, measurement: Measurement, experiment: Experiment
) -> None:
    held_out: Scored = {split: measurement.scored[split] for split in ("validation", "test")}
    declared = load(candidate)
    experiment.log_artifacts(
        run_id,
        pipeline,
        plot_all(held_out, type(pipeline.named_steps["classify"]).__name__),
        trusted_types=declared.trusted_types,
        requirements=declared.requirements,
    )


def _log_numbers(
    run_id: str, dataset: DatasetRef, pipeline: Pipeline, measurement: Measurement, experiment: Experiment
) -> None:
    experiment.log(
        run_id,
        params=pipeline.named_steps["classify"].get_params(),
        tags={
            "data_source": dataset["source"],
            "batch_numbers": json.dumps(dataset["batch_numbers"]),
            "calibrated": "true" if measurement.calibrated else "false",
            "trained_at": datetime.now(UTC).isoformat(),
        },
        metrics=measurement.metrics,
    )


def _headline(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(metrics[name], 4) for name in ("validation_roc_auc", "test_roc_auc")}
