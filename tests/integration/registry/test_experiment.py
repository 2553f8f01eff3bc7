"""The tracking adapter against a real MLflow whose artifacts lie in a real S3 store."""

import importlib.metadata
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import mlflow
import mlflow.sklearn
import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from doubles.experiment_contract import KEY, LOGGED, ExperimentContract
from readmission.adapters.experiment import Experiment, current_commit
from readmission.errors import InvalidModel
from readmission.modeling.candidate import PIPELINE_TYPES
from readmission.modeling.candidates import CANDIDATE_NAMES, load
from readmission.modeling.fit import fit


class TestExperiment(ExperimentContract):
    """The contract, with the experiment in MLflow."""


@pytest.fixture(scope="module")
def cohort(split_cohort):
    return split_cohort(1_500, 11)


def log_model(experiment, run_id, candidate, pipeline, plots):
    declared = load(candidate)
    experiment.log_artifacts(
        run_id, pipeline, plots, trusted_types=declared.trusted_types, requirements=declared.requirements
    )


def runs(client, name):
    return client.search_runs([client.get_experiment_by_name(name).experiment_id])


def test_asking_twice_for_a_run_makes_one(experiment, client, name):
    experiment.start(KEY)
    experiment.start(KEY)

    assert len(runs(client, name)) == 1


def test_candidates_that_start_at_once_share_the_new_experiment(mlflow_server, name, client):
    def start(candidate):
        return Experiment(mlflow_server, name, git_commit="c0ffee").start(replace(KEY, candidate=candidate))

    with ThreadPoolExecutor(5) as pool:
        started = list(pool.map(start, CANDIDATE_NAMES))

    assert len({run.run_id for run in started}) == len(runs(client, name)) == len(CANDIDATE_NAMES)


def test_a_recorded_run_shows_in_mlflow_with_its_parameters_and_the_commit(experiment, client):
    run = experiment.start(KEY)

    with experiment.recording(run.run_id):
        experiment.log(run.run_id, **LOGGED)

    shown = client.get_run(run.run_id)
    assert shown.info.status == "FINISHED"
    assert shown.data.params == {"learning_rate": "0.1", "max_depth": "None"}
    assert shown.data.tags["git_commit"] == "c0ffee"


def test_a_run_that_fails_shows_so_and_as_running_when_it_is_taken_up_again(experiment, client):
    run = experiment.start(KEY)

    with pytest.raises(RuntimeError), experiment.recording(run.run_id):
        raise RuntimeError("out of memory")

    assert client.get_run(run.run_id).info.status == "FAILED"
    with experiment.recording(run.run_id):
        assert client.get_run(run.run_id).info.status == "RUNNING"


@pytest.mark.parametrize("candidate", CANDIDATE_NAMES)
def test_a_logged_model_comes_back_with_the_same_probabilities(experiment, client, cohort, candidate):
    run = experiment.start(KEY)
    pipeline = fit(candidate, cohort, "any", seed=0)

    log_model(experiment, run.run_id, candidate, pipeline, {"roc.png": b"a picture"})

    loaded = experiment.load_pipeline(run.run_id, load(candidate).trusted_types)
    np.testing.assert_array_equal(loaded.predict_proba(cohort), pipeline.predict_proba(cohort))
    assert [item.path for item in client.list_artifacts(run.run_id, "plots")] == ["plots/roc.png"]


def test_a_data_scientist_loads_the_production_model_by_its_alias(
    experiment, registry, cohort, mlflow_server, monkeypatch
):
    run = experiment.start(KEY)
    pipeline = fit("logistic_regression", cohort, "any", seed=0)
    log_model(experiment, run.run_id, "logistic_regression", pipeline, {})
    registry.promote(registry.register(run.run_id, b"model file", {}))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)

    loaded = mlflow.sklearn.load_model(f"models:/{registry.model_name}@production")

    np.testing.assert_array_equal(loaded.predict_proba(cohort), pipeline.predict_proba(cohort))


def test_a_model_file_that_asks_for_foreign_code_is_not_loaded(experiment, client, tmp_path):
    run = experiment.start(KEY)
    hostile = Pipeline([("encode", FunctionTransformer(func=shutil.rmtree))])
    skops.io.dump(hostile, tmp_path / "model.skops")
    client.log_artifact(run.run_id, str(tmp_path / "model.skops"), "model")

    with pytest.raises(InvalidModel, match="not ours"):
        experiment.load_pipeline(run.run_id, PIPELINE_TYPES)


def test_a_model_asks_for_the_versions_that_are_installed(experiment, client, cohort, tmp_path):
    run = experiment.start(KEY)
    log_model(experiment, run.run_id, "lightgbm", fit("lightgbm", cohort, "any", seed=0), {})

    file = client.download_artifacts(run.run_id, "model/requirements.txt", str(tmp_path))

    pinned = dict(line.split("==") for line in Path(file).read_text().splitlines())
    assert pinned == {name: importlib.metadata.version(name) for name in load("lightgbm").requirements}


def test_a_broken_model_file_is_refused(experiment, client, tmp_path):
    run = experiment.start(KEY)
    (tmp_path / "model.skops").write_bytes(b"half a file")
    client.log_artifact(run.run_id, str(tmp_path / "model.skops"), "model")

    with pytest.raises(InvalidModel, match="cannot be read"):
        experiment.load_pipeline(run.run_id, PIPELINE_TYPES)


def test_a_model_file_that_is_no_pipeline_is_refused(experiment, client, tmp_path):
    run = experiment.start(KEY)
    skops.io.dump({"a": 1}, tmp_path / "model.skops")
    client.log_artifact(run.run_id, str(tmp_path / "model.skops"), "model")

    with pytest.raises(InvalidModel, match="no pipeline"):
        experiment.load_pipeline(run.run_id, PIPELINE_TYPES)


def test_the_commit_is_that_of_the_repository():
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    if head.returncode:
        pytest.skip("the tests do not run in a git repository")

    assert current_commit() == head.stdout.strip()


def test_the_commit_is_unknown_where_there_is_no_git(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert current_commit() == "unknown"
