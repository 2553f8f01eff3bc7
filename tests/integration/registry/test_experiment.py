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

from readmission.adapters.experiment import Experiment, RunKey, current_commit
from readmission.errors import InvalidModel
from readmission.modeling.candidate import PIPELINE_TYPES
from readmission.modeling.candidates import CANDIDATE_NAMES, load
from readmission.modeling.fit import fit

KEY = RunKey(
    pipeline_run_id="manual__2026-11-23T16:30:00+00:00",
    candidate="lightgbm",
    dataset_digest="ab" * 32,
    target="any",
    seed=0,
)


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


def test_asking_twice_for_a_run_gives_the_same_run(experiment, client, name):
    first, second = experiment.start(KEY), experiment.start(KEY)

    assert first.run_id == second.run_id
    assert not second.finished
    assert len(runs(client, name)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"candidate": "random_forest"},
        {"pipeline_run_id": "manual__2026-11-23T16:40:00+00:00"},
        {"dataset_digest": "cd" * 32},
        {"target": "within_30_days"},
        {"seed": 1},
    ],
)
def test_another_key_is_another_run(experiment, other):
    assert experiment.start(KEY).run_id != experiment.start(replace(KEY, **other)).run_id


def test_candidates_that_start_at_once_share_the_new_experiment(mlflow_server, name, client):
    def start(candidate):
        return Experiment(mlflow_server, name, git_commit="c0ffee").start(replace(KEY, candidate=candidate))

    with ThreadPoolExecutor(5) as pool:
        started = list(pool.map(start, CANDIDATE_NAMES))

    assert len({run.run_id for run in started}) == len(runs(client, name)) == len(CANDIDATE_NAMES)


def test_a_recorded_run_is_finished_with_everything_that_was_logged(experiment, client):
    run = experiment.start(KEY)

    with experiment.recording(run.run_id):
        experiment.log(
            run.run_id,
            params={"learning_rate": 0.1, "max_depth": None},
            tags={"data_source": "synthetic"},
            metrics={"validation_roc_auc": 0.68},
        )

    logged = client.get_run(run.run_id)
    assert logged.info.status == "FINISHED"
    assert logged.data.params == {"learning_rate": "0.1", "max_depth": "None"}
    assert logged.data.tags["git_commit"] == "c0ffee"
    again = experiment.start(KEY)
    assert (again.run_id, again.finished) == (run.run_id, True)
    assert again.metrics == {"validation_roc_auc": 0.68}
    assert again.tags["data_source"] == "synthetic"


def test_a_run_that_fails_says_so_and_is_taken_up_again(experiment, client):
    run = experiment.start(KEY)

    with pytest.raises(RuntimeError), experiment.recording(run.run_id):
        raise RuntimeError("out of memory")

    assert client.get_run(run.run_id).info.status == "FAILED"
    assert experiment.start(KEY).run_id == run.run_id
    with experiment.recording(run.run_id):
        assert client.get_run(run.run_id).info.status == "RUNNING"
    assert experiment.start(KEY).finished


def test_logging_twice_leaves_the_later_numbers(experiment):
    run = experiment.start(KEY)

    for auc in (0.5, 0.6):
        experiment.log(run.run_id, params={"seed": 0}, tags={"trained_at": str(auc)}, metrics={"test_roc_auc": auc})

    assert experiment.run(run.run_id).metrics == {"test_roc_auc": 0.6}
    assert experiment.run(run.run_id).tags["trained_at"] == "0.6"


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


def test_a_model_file_with_a_type_of_another_candidate_is_not_loaded(experiment, cohort):
    run = experiment.start(KEY)
    log_model(experiment, run.run_id, "random_forest", fit("random_forest", cohort, "any", seed=0), {})

    with pytest.raises(InvalidModel, match="not ours"):
        experiment.load_pipeline(run.run_id, load("logistic_regression").trusted_types)


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
        experiment.load_pipeline(run.run_id)


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
