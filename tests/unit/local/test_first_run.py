import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from rich.console import Console

from readmission.adapters.airflow_api import AirflowApi, AirflowRefused
from readmission.adapters.inference_api import InferenceApi
from readmission.domain.example import EXAMPLE
from readmission.local import first_run
from readmission.local.first_run import DAG_ID, PipelineFailed, first_prediction, run_pipeline, served_all_the_same
from readmission.local.report import Report

MODEL = {"name": "diabetes_classifier", "horizon": "any"}
MODEL_30D = MODEL | {"horizon": "within_30_days"}
DAG = f"/api/v2/dags/{DAG_ID}"


class Airflow:
    """Answers as Airflow does; ``states`` is what the run's state is, one request after the other."""

    def __init__(self, states: list[str], *, active: bool = False, known: bool = True) -> None:
        self.states = states
        self.active = active
        self.known = known
        self.log = [{"event": "begins", "level": "info"}, {"event": "out of luck", "level": "error"}]
        self.requests: list[tuple[str, str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.requests.append((request.method, request.url.path, body))
        return self._answer(request.method, request.url.path)

    def _answer(self, method: str, path: str) -> httpx.Response:
        run = {"dag_run_id": "run-1", "state": self.states[0], "note": "any: version 1 promoted"}
        if path == DAG:
            return httpx.Response(200 if self.known else 404, json={})
        if path == "/api/v2/importErrors":
            return httpx.Response(200, json={"import_errors": [{"stack_trace": "SyntaxError: line 3"}]})
        if path == f"{DAG}/dagRuns" and method == "GET":
            return httpx.Response(200, json={"dag_runs": [run] if self.active else []})
        if path.endswith("/taskInstances"):
            return httpx.Response(200, json={"task_instances": [self._task()]})
        if "/logs/" in path:
            return httpx.Response(200, json={"content": self.log})
        if path == f"{DAG}/dagRuns/run-1":
            self.states = self.states[1:] or self.states
            if self.states[0] == "away":
                raise httpx.ConnectError("nobody listens")
        return httpx.Response(200, json=run)

    def _task(self) -> dict[str, Any]:
        return {
            "task_id": "train",
            "map_index": 2,
            "rendered_map_index": "lightgbm",
            "state": self.states[0],
            "try_number": 1,
            "duration": 1.5,
        }

    def api(self) -> AirflowApi:
        return AirflowApi(httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(self)))

    def did(self, method: str) -> list[tuple[str, Any]]:
        return [(path, body) for made, path, body in self.requests if made == method]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAG_SECONDS", "SCHEDULER_SECONDS", "MODEL_SECONDS"):
        monkeypatch.setattr(first_run, name, 0.5)


def report() -> Report:
    return Report(Console(record=True, width=200, force_terminal=False))


def test_a_run_is_triggered_when_none_is_at_work():
    airflow = Airflow(["running", "success"])

    assert run_pipeline(airflow.api(), report()) == "any: version 1 promoted"

    assert airflow.did("PATCH") == [(DAG, {"is_paused": False})]
    assert airflow.did("POST") == [(f"{DAG}/dagRuns", {"logical_date": None})]


def test_a_run_at_work_is_followed_and_no_other_one_started():
    airflow = Airflow(["running", "success"], active=True)

    assert run_pipeline(airflow.api(), report()) == "any: version 1 promoted"

    assert airflow.did("POST") == []


def test_an_api_server_that_is_restarted_does_not_end_the_waiting():
    airflow = Airflow(["running", "running", "away", "success"])

    assert run_pipeline(airflow.api(), report()) == "any: version 1 promoted"


def test_each_task_is_shown_with_its_outcome_and_seconds():
    shown = report()

    run_pipeline(Airflow(["running", "success"]).api(), shown)

    assert "train[lightgbm]" in (text := shown.console.export_text())
    assert "success" in text
    assert "1.5 s" in text


def test_a_failed_run_is_told_with_the_errors_of_the_task_that_failed():
    with pytest.raises(PipelineFailed, match=r"(?s)run-1 failed.*train\[lightgbm\] failed.*out of luck") as error:
        run_pipeline(Airflow(["failed"]).api(), report())

    assert "begins" not in str(error.value)


def test_a_failed_run_is_told_with_its_note_which_says_what_was_decided_all_the_same():
    with pytest.raises(PipelineFailed, match="any: version 1 promoted") as error:
        run_pipeline(Airflow(["failed"]).api(), report())

    assert error.value.note == "any: version 1 promoted"


def test_a_task_that_failed_without_an_error_is_told_with_its_last_lines():
    airflow = Airflow(["failed"])
    airflow.log = ["killed"]

    with pytest.raises(PipelineFailed, match="killed"):
        run_pipeline(airflow.api(), report())


def test_a_dag_that_cannot_be_read_is_told_with_its_error():
    with pytest.raises(PipelineFailed, match=r"(?s)does not know the DAG.*SyntaxError: line 3"):
        run_pipeline(Airflow(["success"], known=False).api(), report())


def test_a_refused_request_is_named():
    client = httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(lambda _: httpx.Response(403)))

    with pytest.raises(AirflowRefused, match="POST /api/v2/dags/x/dagRuns: 403"):
        AirflowApi(client).trigger("x")


class Inference:
    """Answers as the inference API does; ``ready`` is what the state of its model is, one request after the other."""

    def __init__(self, ready: list[int], predict: int = 200, loads_after: int = 10_000) -> None:
        self.ready = ready
        self.loads_after = loads_after
        self.predict = predict
        self.predicted: list[tuple[str | None, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/ready":
            status = self.ready[0]
            self.ready = self.ready[1:] or self.ready
            return httpx.Response(status, json={"detail": "no model is loaded"})
        if request.url.path == "/predict":
            self.predicted.append((request.headers.get("X-API-Key"), json.loads(request.content)))
            return httpx.Response(self.predict, json={"probability": 0.5, "detail": "no such key"})
        if request.url.params.get("horizon", "any") != "any":
            self.loads_after -= 1
            return httpx.Response(200 if self.loads_after < 0 else 503, json=MODEL_30D | {"detail": "no model"})
        return httpx.Response(200, json=MODEL)

    def api(self, key: str | None = None) -> InferenceApi:
        secret = SecretStr(key) if key else None
        return InferenceApi("http://inference", api_key=secret, transport=httpx.MockTransport(self))


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("readmission.local.first_run.WORKER_SECONDS", 0)


@pytest.mark.usefixtures("impatient")
def test_the_example_is_predicted_once_a_model_is_loaded():
    inference = Inference([503, 503, 200])

    served = first_prediction(inference.api("page-key"))

    assert served.models == {"any": MODEL, "within_30_days": None}
    assert served.prediction["probability"] == 0.5
    assert inference.predicted == [("page-key", EXAMPLE)]


def test_a_worker_that_loads_a_model_a_moment_later_is_waited_for():
    served = first_prediction(Inference([200], loads_after=2).api())

    assert list(served.models) == ["any", "within_30_days"]
    assert None not in served.models.values()


def test_without_a_model_there_is_no_first_prediction():
    with pytest.raises(PipelineFailed, match="no model is loaded"):
        first_prediction(Inference([503]).api())


def test_a_refused_key_is_said():
    with pytest.raises(PipelineFailed, match="did not answer the example: no such key"):
        first_prediction(Inference([200], predict=401).api())


def test_after_a_run_that_failed_it_is_known_what_serves_all_the_same():
    assert served_all_the_same(Inference([200]).api()).models == {"any": MODEL, "within_30_days": None}


def test_after_a_run_that_failed_a_prediction_that_fails_too_hides_nothing():
    assert served_all_the_same(Inference([200], predict=503).api()) is None
