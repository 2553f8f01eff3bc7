"""Task 8: fit one candidate, measure it on the three splits, and log everything to its MLflow run."""

from datetime import UTC, datetime

import pandas as pd
from sklearn.pipeline import Pipeline

from readmission.adapters.experiment import Experiment, RunKey, TrainingRun
from readmission.adapters.object_store import DATASETS, ObjectStore
from readmission.domain.bootstrap import Observations
from readmission.domain.calibration import Calibration
from readmission.domain.candidates import fit
from readmission.domain.cohort import SPLITS, Target
from readmission.domain.evaluation import CutOffs, Probabilities, choose_cut_offs, evaluate, observations
from readmission.domain.plots import plot_all
from readmission.log import get_logger
from readmission.pipeline.references import DatasetRef, TrainedRef

log = get_logger(__name__)


def train_ml_models(
    candidate: str,
    dataset: DatasetRef,
    pipeline_run_id: str,
    *,
    store: ObjectStore,
    experiment: Experiment,
    target: Target,
    seed: int,
    bootstrap_rounds: int,
) -> TrainedRef:
    """Train ``candidate`` on a frozen data set; a run that is finished already is taken as it is."""
    run = experiment.start(RunKey(pipeline_run_id, candidate, dataset["digest"], target, seed))
"""
