import pandas as pd
import pytest

from doubles.experiment import FakeExperiment
from readmission.adapters.experiment import RunKey
from readmission.adapters.object_store import DATASETS
from readmission.domain.cleaning import clean as clean_rows
from readmission.domain.cleaning import validate_raw
from readmission.domain.cohort import SPLITS, patient_split
from readmission.domain.horizon import HORIZON_NAMES
from readmission.domain.schema import NAME_OF_RAW
from readmission.errors import NotEnoughData
from readmission.modeling.candidates import load
from readmission.pipeline.references import DatasetRef
from readmission.pipeline.train_ml_models import train_ml_models
from readmission.synthetic.cohort import cohort_columns

DATASET = DatasetRef(digest="digest", batch_numbers=[1, 2], run_batch_numbers=[2], source="synthetic", rows={})
KEY = RunKey("manual-1", "logistic_regression", "digest", "any", 0)


@pytest.fixture
def dataset(store):
    received = {NAME_OF_RAW.get(name, name): values for name, values in cohort_columns(1500, seed=5)}
    frame = clean_rows(validate_raw(pd.DataFrame(received))).frame
    splits = frame["patient_nbr"].map(patient_split)
    for split in SPLITS:
        store.put_frame(DATASETS, f"digest/{split}.parquet", frame[splits == split].reset_index(drop=True))
    return DATASET


def _train(dataset, store, experiment, horizon="any"):
    return train_ml_models(
        "logistic_regression",
        horizon,
        dataset,
        "manual-1",
        store=store,
        experiment=experiment,
        seed=0,
        bootstrap_rounds=10,
    )


def test_a_candidate_is_trained_measured_and_logged_in_one_finished_run(dataset, store):
    experiment = FakeExperiment()

    ref = _train(dataset, store, experiment)

    (run,) = experiment.runs.values()
    assert run.states == ["running", "finished"]
    assert ref == {
        "candidate": "logistic_regression",
        "horizon": "any",
        "dataset": DATASET,
        "run_id": "run-1",
        "validation_roc_auc": run.metrics["validation_roc_auc"],
    }
    assert {f"{split}_roc_auc" for split in SPLITS} <= run.metrics.keys()
    assert run.tags["data_source"] == "synthetic"
    assert run.tags["batch_numbers"] == "[1, 2]"
    assert run.params["C"] == str(run.pipeline.named_steps["classify"].C)


def test_the_model_is_logged_with_the_types_and_requirements_that_its_candidate_declares(dataset, store):
    experiment = FakeExperiment()

    _train(dataset, store, experiment)

    candidate = load("logistic_regression")
    (run,) = experiment.runs.values()
    assert (run.trusted_types, run.requirements) == (candidate.trusted_types, candidate.requirements)


def test_the_run_is_named_by_what_it_depends_on(dataset, store):
    experiment = FakeExperiment()

    _train(dataset, store, experiment)

    assert [run.key for run in experiment.runs.values()] == [KEY]


def test_each_horizon_has_a_run_and_a_model_of_its_own(dataset, store):
    experiment = FakeExperiment()

    refs = [_train(dataset, store, experiment, horizon) for horizon in HORIZON_NAMES]

    assert [ref["horizon"] for ref in refs] == list(HORIZON_NAMES)
    any_time, soon = (experiment.runs[ref["run_id"]] for ref in refs)
    assert (any_time.tags["target"], soon.tags["target"]) == ("any", "within_30_days")
    assert any_time.metrics["test_average_precision"] > soon.metrics["test_average_precision"]


def test_a_task_reads_each_split_once(dataset, store, monkeypatch):
    read, get_frame = [], store.get_frame
    monkeypatch.setattr(store, "get_frame", lambda bucket, key: read.append(key) or get_frame(bucket, key))

    _train(dataset, store, FakeExperiment())

    assert sorted(read) == sorted(f"digest/{split}.parquet" for split in SPLITS)


def test_a_finished_run_is_taken_as_it_is(store):
    experiment = FakeExperiment()
    run = experiment.start(KEY)
    with experiment.recording(run.run_id):
        experiment.log(run.run_id, params={}, tags={}, metrics={"validation_roc_auc": 0.68, "test_roc_auc": 0.67})

    # the store is empty: training would fail
    ref = _train(DATASET, store, experiment)

    assert ref["validation_roc_auc"] == 0.68
    assert experiment.runs[run.run_id].states == ["running", "finished"]


def test_a_split_with_one_outcome_fails_the_run_before_anything_is_fitted(dataset, store):
    key = "digest/validation.parquet"
    validation = store.get_frame(DATASETS, key)
    store.put_frame(DATASETS, key, validation[validation["readmitted"] == 1])
    experiment = FakeExperiment()

    with pytest.raises(NotEnoughData):
        _train(dataset, store, experiment)

    (run,) = experiment.runs.values()
    assert run.states == ["running", "failed"]
    assert (run.params, run.metrics) == ({}, {})
