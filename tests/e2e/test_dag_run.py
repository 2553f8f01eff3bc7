"""The real DAG in a real Airflow over real services: what one run leaves, and what repeating or killing it changes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import mlflow
import psutil
import pytest

from readmission.adapters.airflow_api import AirflowApi, DagRun
from readmission.adapters.database import CleanDatabase, InferenceDatabase, RawDatabase
from readmission.adapters.object_store import DATASETS, LANDING, ObjectStore
from readmission.domain.cohort import SPLITS
from readmission.domain.horizon import HORIZON_NAMES, HORIZONS
from readmission.local.mlflow import CLIENT_ACCOUNT
from readmission.local.service import Service
from readmission.modeling.candidates import CANDIDATE_NAMES

DAG = "mlops_diabetes_pipeline"
RUN_SECONDS = 600
MODELS = [HORIZONS[horizon].model_name("diabetes_classifier") for horizon in HORIZON_NAMES]
TRAINED = sorted(f"{candidate} {horizon}" for candidate in CANDIDATE_NAMES for horizon in HORIZON_NAMES)


@dataclass(frozen=True)
class Left:
    """All that pipeline runs leave behind."""

    batches: list[tuple[int, int, str | None]]
    clean_rows: dict[str, int]
    objects: list[str]
    runs: list[tuple[str, str]]
    versions: list[tuple[str, str]]
    promotions: list[tuple[str, str, str]]


def signed_in(server: Service) -> httpx.Client:
    """A client of Airflow's API, also for what the native run never asks."""
    client = httpx.Client(base_url=str(server.url), timeout=30, trust_env=False)
    answer = client.post("/auth/token", json={"username": server.user, "password": server.password}).raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


class Pipeline:
    """The DAG through Airflow's API, and its traces in every store."""

    def __init__(self, platform: Any) -> None:
        self._platform = platform
        services = platform.instance.services()
        self._client = signed_in(services["airflow-api-server"])
        self.airflow = AirflowApi(self._client)
        self._environment = services["airflow-scheduler"].environment

    def runs(self) -> list[dict[str, Any]]:
        return list(self._get(f"/api/v2/dags/{DAG}/dagRuns", order_by="run_after")["dag_runs"])

    def clear(self, run_id: str) -> None:
        body = {"dry_run": False, "only_failed": False}
        self._client.post(f"/api/v2/dags/{DAG}/dagRuns/{run_id}/clear", json=body).raise_for_status()

    def wait(self, run_id: str) -> DagRun:
        deadline = time.monotonic() + RUN_SECONDS
        while (run := self.airflow.run(DAG, run_id)).state in ("queued", "running"):
            assert time.monotonic() < deadline, f"{run_id} is still {run.state}"
            time.sleep(0.5)
        return run

    def states(self, run_id: str) -> dict[str, str | None]:
        return {task.task_id: task.state for task in self.airflow.tasks(DAG, run_id)}

    def note(self, run_id: str) -> str | None:
        return self._get(f"/api/v2/dags/{DAG}/dagRuns/{run_id}")["note"]

    def names_of_mapped(self, run_id: str, task_id: str) -> dict[int, str]:
        """What Airflow's page calls the instances of a mapped task, by their map index."""
        found = self._get(f"/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances", task_id=task_id, limit=100)
        return {item["map_index"]: item["rendered_map_index"] for item in found["task_instances"]}

    def events(self, run_id: str, task_id: str, map_index: int = -1) -> list[dict[str, Any]]:
        """The lines of the log of a task's first try, as Airflow's page gets them."""
        path = f"/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1"
        return list(self._get(path, map_index=map_index, full_content=True)["content"])

    def health(self) -> dict[str, Any]:
        return self._get("/api/v2/monitor/health")

    def kill_task(self, run_id: str, task_id: str) -> None:
        """SIGKILL to the process of a task, as soon as it runs."""
        path = f"/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances"
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            for task in self._get(path, limit=100)["task_instances"]:
                if task["task_id"] == task_id and task["state"] == "running" and self._kill(f"-- {task['id']}"):
                    return
            time.sleep(0.05)
        pytest.fail(f"{task_id} was never seen at work")

    def _get(self, path: str, **parameters: Any) -> dict[str, Any]:
        return dict(self._client.get(path, params=parameters).raise_for_status().json())

    def _kill(self, title: str) -> bool:
        for process in self._platform.processes("airflow-scheduler"):
            try:
                if " ".join(process.cmdline()).rstrip().endswith(title):
                    process.kill()
                    return True
            except psutil.NoSuchProcess:
                continue
        return False

    def left(self) -> Left:
        environment = self._environment
        with RawDatabase(environment["RAW_DATABASE_URL"]) as raw:
            batches = [(batch.batch_number, batch.rows, batch.pipeline_run_id) for batch in raw.batches()]
        with CleanDatabase(environment["CLEAN_DATABASE_URL"]) as clean:
            clean_rows = {split: len(clean.read_split(split)) for split in SPLITS}
        with InferenceDatabase(environment["INFERENCE_DATABASE_URL"]) as inference:
            promotions = sorted((row.model_name, row.action, row.version) for row in inference.promotions())
        store = ObjectStore(
            environment["S3_ENDPOINT"], environment["S3_ACCESS_KEY"], environment["S3_SECRET_KEY"], "us-east-1"
        )
        client = mlflow.MlflowClient(environment["MLFLOW_TRACKING_URI"])
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        return Left(
            batches=batches,
            clean_rows=clean_rows,
            objects=sorted(store.keys(LANDING) + store.keys(DATASETS)),
            runs=sorted((run.info.run_name, run.info.status) for run in client.search_runs(experiments)),
            versions=sorted((version.name, str(version.version)) for version in client.search_model_versions()),
            promotions=promotions,
        )


@pytest.fixture(scope="module")
def pipeline(platform: Any) -> Iterator[Pipeline]:
    task_environment = platform.instance.services()["airflow-scheduler"].environment
    pipeline = Pipeline(platform)
    with pytest.MonkeyPatch.context() as patch:
        for variable in CLIENT_ACCOUNT:
            patch.setenv(variable, task_environment[variable])
        yield pipeline
    pipeline.airflow.close()


@pytest.fixture
def first_run(pipeline: Pipeline) -> str:
    """The run that the first start of the platform has waited for."""
    return str(pipeline.runs()[0]["dag_run_id"])


def test_the_first_run_took_the_published_batch_to_one_promoted_version_of_each_horizon(pipeline, first_run):
    left = pipeline.left()

    assert left.batches == [(1, 6000, first_run)]
    assert left.runs == [(trained, "FINISHED") for trained in TRAINED]
    assert left.versions == [(model, "1") for model in MODELS]
    assert left.promotions == [(model, "promote", "1") for model in MODELS]
    # each batch as received and cleaned, and one data set for both horizons
    assert len(left.objects) == 2 * len(left.batches) + len(SPLITS)


def test_the_note_of_a_run_says_what_the_gate_decided(pipeline, first_run):
    lines = str(pipeline.note(first_run)).splitlines()

    assert [line.split(": ")[:2] for line in lines] == [[horizon, "version 1 promoted"] for horizon in HORIZON_NAMES]


def test_a_mapped_task_is_called_by_its_candidate_and_horizon(pipeline, first_run):
    assert sorted(pipeline.names_of_mapped(first_run, "train_ml_models").values()) == TRAINED
    assert sorted(pipeline.names_of_mapped(first_run, "register_best_model").values()) == sorted(HORIZON_NAMES)


def test_the_log_of_a_training_task_is_short_and_calls_no_information_an_error(pipeline, first_run):
    events = pipeline.events(first_run, "train_ml_models", map_index=0)

    assert len(events) < 30
    assert {event.get("level") for event in events} & {"error", "critical"} == set()


def test_the_log_of_a_training_task_has_our_events_with_their_fields(pipeline, first_run):
    [trained] = [
        event for event in pipeline.events(first_run, "train_ml_models", 0) if event["event"] == "candidate trained"
    ]

    assert trained["level"] == "info"
    assert f"{trained['candidate']} {trained['horizon']}" == TRAINED[0]
    assert 0 < trained["test_roc_auc"] < 1


def test_airflows_home_page_shows_every_component_as_healthy(pipeline):
    assert {name: part["status"] for name, part in pipeline.health().items() if part["status"] != "healthy"} == {}


def test_a_run_without_new_data_is_skipped_and_does_not_fail(pipeline):
    run = pipeline.airflow.trigger(DAG)

    finished = pipeline.wait(run.run_id)

    states = pipeline.states(run.run_id)
    assert finished.state == "success"
    assert states.pop("check_ec2_status") == "success"
    assert set(states.values()) == {"skipped"}
    assert str(pipeline.note(run.run_id)).startswith("fetch_data_from_api: no new data: ")


def test_a_task_that_is_killed_at_work_is_tried_again_and_leaves_the_same(pipeline, first_run):
    before = pipeline.left()
    pipeline.clear(first_run)

    pipeline.kill_task(first_run, "promote_to_production")

    assert pipeline.wait(first_run).state == "success"
    assert pipeline.left() == before


def test_clearing_the_whole_run_leaves_the_same_rows_objects_and_versions(pipeline, first_run):
    before = pipeline.left()

    pipeline.clear(first_run)

    assert pipeline.wait(first_run).state == "success"
    assert set(pipeline.states(first_run).values()) == {"success"}
    assert pipeline.left() == before


@pytest.mark.parametrize("horizon", HORIZON_NAMES)
def test_the_inference_api_serves_the_promoted_version_of_each_horizon(pipeline, platform, horizon):
    served = httpx.get(f"{platform.url('inference-api')}/model-info", params={"horizon": horizon}).json()

    assert (served["name"], served["version"]) in pipeline.left().versions
    assert (served["horizon"], served["data_source"]) == (horizon, "synthetic")
