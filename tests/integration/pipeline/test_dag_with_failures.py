"""The real DAG in a real Airflow, with stand-ins for the work of its tasks: what becomes of a run when some fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DAGS = Path(__file__).parents[3] / "dags"

# one process for all runs: most of the time goes into importing Airflow
RUN = """
import json, sys
from importlib import import_module
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from readmission.errors import InvalidBatch, NotEnoughData, NothingToDo
from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.pipeline import wiring
from doubles.inference_api import FakeInferenceApi
from doubles.registry import FakeRegistry
from doubles.run_note import FakeRunNote

DATASET = {"digest": "d", "batch_numbers": [1], "run_batch_numbers": [1], "source": "synthetic", "rows": {}}

class Raw:
    def __init__(self):
        self.processed = []
    def mark_processed(self, numbers, run):
        self.processed += numbers

def replace(name, function):
    setattr(import_module(f"readmission.pipeline.{name}"), name, function)

def play(nothing_to_do=False, bad_batch=False, failing=()):
    note, raw = FakeRunNote(), Raw()
    registries = {"any": FakeRegistry("m"), "within_30_days": FakeRegistry("m_30d")}
    api = FakeInferenceApi(production="1")
    wiring.COLLABORATORS |= {
        "run_note": lambda: note, "raw": lambda: raw, "registries": lambda: registries, "inference_api": lambda: api,
        "store": lambda: None, "experiment": lambda: None,
    }

    def fetch_data_from_api():
        if nothing_to_do:
            raise NothingToDo("no new data")
        return [{"batch_number": 1}]

    def store_raw_data_mysql(batches):
        if bad_batch:
            raise InvalidBatch("race is missing")
        return batches

    def train_ml_models(candidate, horizon, dataset):
        if [candidate, horizon] in failing:
            raise NotEnoughData("one outcome only")
        run, is_best = f"{candidate} {horizon}", candidate == CANDIDATE_NAMES[0]
        if is_best:
            registries[horizon].register(run, run.encode(), {})
        return {
            "candidate": candidate, "horizon": horizon, "dataset": dataset, "run_id": run,
            "validation_roc_auc": 0.7 if is_best else 0.6,
        }

    def promote_to_production(horizon, registered):
        ours = next(reference for reference in registered if reference["horizon"] == horizon)
        registry = registries[horizon]
        registry.promote(registry.version(ours["version"]))
        return {
            "horizon": horizon, "run_batch_numbers": ours["dataset"]["run_batch_numbers"], "promoted": True,
            "reason": "better", "version": ours["version"], "production_version": ours["version"],
        }

    replace("check_ec2_status", lambda: True)
    replace("fetch_data_from_api", fetch_data_from_api)
    replace("store_raw_data_mysql", store_raw_data_mysql)
    replace("clean_and_transform_data", lambda batches: batches)
    replace("store_clean_data_mysql", lambda batches: batches)
    replace("create_train_val_test_split", lambda batches: [1])
    replace("upload_processed_data_minio", lambda batches: DATASET)
    replace("train_ml_models", train_ml_models)
    replace("promote_to_production", promote_to_production)
    dag = DagBag(dag_folder=sys.argv[1]).dags["mlops_diabetes_pipeline"]
    run = dag.test()
    with create_session() as session:
        found = run.get_task_instances(session=session)
        states = {" ".join(filter(None, [ti.task_id, ti.rendered_map_index])): str(ti.state) for ti in found}
    return {
        "run": str(run.state), "states": states, "note": note.lines, "processed": raw.processed,
        "served": {horizon: registry.aliases.get("production") for horizon, registry in registries.items()},
        "reloaded": api.reloaded,
    }

initdb()
for name, scene in json.loads(sys.argv[2]).items():
    print("RESULT", json.dumps([name, play(**scene)]))
"""
SCENES = {
    "undisturbed": {},
    "nothing to do": {"nothing_to_do": True},
    "bad batch": {"bad_batch": True},
    "one candidate": {"failing": [["lightgbm", "within_30_days"]]},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What became of a run in each scene."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(DAGS), json.dumps(SCENES)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    results = dict(json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT "))
    assert set(results) == set(SCENES), done.stdout
    return results


def states_of(run, *tasks):
    """The states of the instances of these tasks, by their names."""
    return {name: state for name, state in run["states"].items() if name.split()[0] in tasks}


def test_both_horizons_of_a_run_are_promoted_and_served(runs):
    run = runs["undisturbed"]

    assert set(run["states"].values()) == {"success"}
    assert run["run"] == "success"
    assert run["reloaded"] == ["any", "within_30_days"]
    assert run["processed"] == [1]
    assert run["note"] == {"any": "version 1 promoted: better", "within_30_days": "version 1 promoted: better"}


def test_a_training_task_is_named_by_candidate_and_horizon(runs):
    assert "train_ml_models lightgbm within_30_days" in runs["undisturbed"]["states"]


def test_a_run_without_new_data_skips_everything(runs):
    run = runs["nothing to do"]

    assert run["states"].pop("check_ec2_status") == "success"
    assert set(run["states"].values()) == {"skipped"}
    assert run["run"] == "success"
    assert run["note"] == {"fetch_data_from_api": "no new data"}


def test_an_early_failure_starts_none_of_the_tasks_that_wait_for_some_success(runs):
    run = runs["bad batch"]

    later = states_of(run, "train_ml_models", "register_best_model", "promote_to_production", "signal_services_ready")
    assert set(later.values()) == {"upstream_failed"}
    assert run["run"] == "failed"
    assert run["note"] == {"store_raw_data_mysql": "InvalidBatch: race is missing"}


def test_a_failed_candidate_fails_its_horizon_only_and_the_other_one_is_served(runs):
    run = runs["one candidate"]

    assert states_of(run, "register_best_model", "promote_to_production", "signal_services_ready") == {
        "register_best_model any": "success",
        "register_best_model within_30_days": "failed",
        "promote_to_production any": "success",
        "promote_to_production within_30_days": "failed",
        "signal_services_ready": "failed",
    }
    assert run["served"] == {"any": "1", "within_30_days": None}
    assert run["reloaded"] == ["any"]


def test_the_run_of_a_failed_candidate_ends_failed_and_leaves_its_batches_to_the_next_run(runs):
    run = runs["one candidate"]

    assert (run["run"], run["processed"]) == ("failed", [])


def test_the_note_of_a_run_keeps_what_failed_beside_what_was_decided(runs):
    note = runs["one candidate"]["note"]

    assert note["train_ml_models lightgbm within_30_days"] == "NotEnoughData: one outcome only"
    assert note["register_best_model within_30_days"].startswith(
        "InvalidModel: not trained for within_30_days: lightgbm"
    )
    assert note["any"] == "version 1 promoted: better"
    assert "no decision on within_30_days" in note["signal_services_ready"]
