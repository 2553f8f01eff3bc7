"""What was possible on a machine without credentials: each attack is repeated on the server of the native run."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from readmission.adapters.registry import ModelRegistry, ModelVersion
from readmission.local.mlflow import CLIENT_ACCOUNT

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
PASSWORD = "only-for-tests"
ONNX = b"the model in production"
SERVING = ("serving", PASSWORD)
NOBODY = [None, ("admin", ""), ("admin", "guessed"), ("nobody", PASSWORD)]


@dataclass(frozen=True)
class Target:
    """A version in production, and what an attacker knows of it."""

    registry: ModelRegistry
    version: ModelVersion
    artifacts: str
    experiment_id: str

    @property
    def name(self) -> str:
        return self.version.name


@pytest.fixture
def target(mlflow_server, request):
    name = "m" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    client, registry = MlflowClient(mlflow_server), ModelRegistry(mlflow_server, name)
    run = client.create_run(client.create_experiment(name))
    version = registry.register(run.info.run_id, ONNX, {})
    registry.promote(version)
    path = run.info.artifact_uri.removeprefix("mlflow-artifacts:")
    return Target(registry, version, f"{ARTIFACTS}{path}", run.info.experiment_id)


Attack = Callable[[Target], tuple[str, str, dict[str, Any]]]
READS: dict[str, Attack] = {
    "the version in production": lambda at: (
        "GET",
        f"{API}/registered-models/alias?name={at.name}&alias=production",
        {},
    ),
    "a version": lambda at: ("GET", f"{API}/model-versions/get?name={at.name}&version=1", {}),
    "a run": lambda at: ("GET", f"{API}/runs/get?run_id={at.version.run_id}", {}),
    "its artifacts": lambda at: ("GET", f"{API}/artifacts/list?run_id={at.version.run_id}", {}),
    "a model file": lambda at: ("GET", f"{at.artifacts}/model/model.onnx", {}),
    "the page": lambda _: ("GET", "/", {}),
}
WRITES: dict[str, Attack] = {
    "replace the model file": lambda at: ("PUT", f"{at.artifacts}/model/model.onnx", {"content": b"mine"}),
    "replace it as the page does": lambda at: (
        "PUT",
        f"{at.artifacts.replace('/api/', '/ajax-api/')}/model/model.onnx",
        {"content": b"mine"},
    ),
    "upload a file of one's own": lambda _: ("PUT", f"{ARTIFACTS}/mine/model.onnx", {"content": b"mine"}),
    "delete the model file": lambda at: ("DELETE", f"{at.artifacts}/model/model.onnx", {}),
    "create a model": lambda at: ("POST", f"{API}/registered-models/create", {"json": {"name": f"{at.name}-mine"}}),
    "create a version": lambda at: (
        "POST",
        f"{API}/model-versions/create",
        {"json": {"name": at.name, "source": "mlflow-artifacts:/mine", "tags": [{"key": "onnx_digest", "value": "0"}]}},
    ),
    "set a version's tag": lambda at: (
        "POST",
        f"{API}/model-versions/set-tag",
        {"json": {"name": at.name, "version": "1", "key": "onnx_digest", "value": "0"}},
    ),
    "set the alias": lambda at: (
        "POST",
        f"{API}/registered-models/alias",
        {"json": {"name": at.name, "alias": "production", "version": "1"}},
    ),
    "delete the alias": lambda at: (
        "DELETE",
        f"{API}/registered-models/alias",
        {"params": {"name": at.name, "alias": "production"}},
    ),
    "delete a run": lambda at: ("POST", f"{API}/runs/delete", {"json": {"run_id": at.version.run_id}}),
    "create a run": lambda at: ("POST", f"{API}/runs/create", {"json": {"experiment_id": at.experiment_id}}),
    "create an experiment": lambda at: ("POST", f"{API}/experiments/create", {"json": {"name": f"{at.name}-mine"}}),
    "be told of every change": lambda _: (
        "POST",
        f"{API}/webhooks",
        {"json": {"name": "mine", "url": "https://a.example"}},
    ),
    "use the page's own interface": lambda _: ("POST", "/graphql", {"json": {"query": "{ __typename }"}}),
}


def unharmed(target: Target) -> bool:
    production = target.registry.production()
    return production == target.version and target.registry.download_onnx(production) == ONNX


@pytest.mark.parametrize("account", NOBODY, ids=str)
def test_without_a_password_nothing_can_be_read_or_changed(mlflow_server, target, account):
    with httpx.Client(base_url=mlflow_server, auth=account) as attacker:
        requests = {name: attack(target) for name, attack in (READS | WRITES).items()}
        statuses = {name: attacker.request(*each[:2], **each[2]).status_code for name, each in requests.items()}

    assert statuses == dict.fromkeys(requests, 401)
    assert unharmed(target)


def test_the_account_of_serving_reads_everything(mlflow_server, target):
    with httpx.Client(base_url=mlflow_server, auth=SERVING) as serving:
        requests = {name: read(target) for name, read in READS.items()}
        statuses = {name: serving.request(*each[:2], **each[2]).status_code for name, each in requests.items()}

    assert statuses == dict.fromkeys(requests, 200)


def test_the_account_of_serving_changes_nothing(mlflow_server, target):
    with httpx.Client(base_url=mlflow_server, auth=SERVING) as serving:
        requests = {name: write(target) for name, write in WRITES.items()}
        statuses = {name: serving.request(*each[:2], **each[2]).status_code for name, each in requests.items()}

    assert statuses == dict.fromkeys(requests, 403)
    assert unharmed(target)


def test_the_registry_adapter_needs_no_more_than_the_account_of_serving(monkeypatch, target):
    for variable, value in zip(CLIENT_ACCOUNT, SERVING, strict=True):
        monkeypatch.setenv(variable, value)

    production = target.registry.production()

    assert target.registry.download_onnx(production) == ONNX
    assert target.registry.find(production.run_id) == production


def test_a_client_whose_account_may_only_read_is_told_so(monkeypatch, mlflow_server, target):
    for variable, value in zip(CLIENT_ACCOUNT, SERVING, strict=True):
        monkeypatch.setenv(variable, value)

    with pytest.raises(MlflowException, match="serving may only read"):
        MlflowClient(mlflow_server).set_registered_model_alias(target.name, "production", "1")


@pytest.mark.parametrize("write", ["replace it as the page does", "set the alias", "create a version", "delete a run"])
def test_a_page_of_another_site_cannot_write_with_the_password_that_the_browser_holds(mlflow_server, target, write):
    method, url, content = WRITES[write](target)
    browser = {"auth": ("admin", PASSWORD), "headers": {"Origin": "https://attacker.example"}}

    answer = httpx.request(method, f"{mlflow_server}{url}", **browser, **content)

    assert answer.status_code == httpx.codes.FORBIDDEN
    assert unharmed(target)


def test_the_admin_signs_in_at_the_page(mlflow_server):
    assert "MLflow" in httpx.get(f"{mlflow_server}/", auth=("admin", PASSWORD)).text


def test_the_health_check_needs_no_password(mlflow_server):
    assert httpx.get(f"{mlflow_server}/health").text == "OK"


def test_the_log_holds_the_start_and_refused_writes_but_no_line_of_a_poll(mlflow_server, mlflow_home: Path, target):
    httpx.put(f"{mlflow_server}{ARTIFACTS}/for-the-log", content=b"mine", auth=SERVING)
    for _ in range(3):
        target.registry.production()

    log = (mlflow_home / "mlflow.log").read_text()

    assert "Uvicorn running on" in log
    assert f"WARNING:  refused: serving may only read, not PUT '{ARTIFACTS}/for-the-log'" in log
    assert "registered-models/alias" not in log.replace("'/api/2.0/mlflow/registered-models/alias'", "")
    assert " 200 OK" not in log
