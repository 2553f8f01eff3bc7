"""The registry adapter against a real MLflow whose artifacts lie in a real S3 store."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from doubles.registry_contract import ONNX, RegistryContract
from readmission.adapters.registry import ModelRegistry
from readmission.errors import InvalidModel, SourceUnavailable, Unauthorized
from readmission.local.mlflow import CLIENT_ACCOUNT


class TestModelRegistry(RegistryContract):
    @pytest.fixture
    def overwrite_file(self, client, tmp_path):
        def overwrite(run_id, data):
            (tmp_path / "model.onnx").write_bytes(data)
            client.log_artifact(run_id, str(tmp_path / "model.onnx"), "model")

        return overwrite

    @pytest.fixture
    def delete_file(self, client, mlflow_server):
        def delete(run_id):
            uri = client.get_run(run_id).info.artifact_uri
            get_artifact_repository(uri, tracking_uri=mlflow_server).delete_artifacts("model")

        return delete

    @pytest.fixture
    def set_alias(self, client, registry):
        return lambda alias, number: client.set_registered_model_alias(registry.model_name, alias, number)


@pytest.fixture
def version(registry, new_run):
    """A registered version."""
    return registry.register(new_run(), ONNX, {"candidate": "lightgbm"})


def test_a_file_that_was_uploaded_by_a_killed_task_is_replaced(registry, new_run, client, tmp_path):
    run_id = new_run()
    (tmp_path / "model.onnx").write_bytes(b"half a model")
    client.log_artifact(run_id, str(tmp_path / "model.onnx"), "model")

    version = registry.register(run_id, ONNX, {})

    assert registry.download_onnx(version) == ONNX


@pytest.mark.usefixtures("version")
def test_a_version_that_was_registered_by_hand_has_no_model_file(registry, client, new_run):
    run_id = new_run()
    client.create_model_version(registry.model_name, f"runs:/{run_id}/model", run_id)

    by_hand = registry.find(run_id)

    assert by_hand.onnx_digest == ""
    with pytest.raises(InvalidModel, match="without a model file"):
        registry.download_onnx(by_hand)


def test_many_readers_see_one_production_version(registry, version):
    registry.promote(version)

    with ThreadPoolExecutor(8) as pool:
        seen = {found.version for found in pool.map(lambda _: registry.production(), range(40))}

    assert seen == {version.version}


def test_a_dead_server_is_said_to_be_unavailable(free_ports, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry = ModelRegistry(f"http://127.0.0.1:{free_ports(1)}", "any")

    with pytest.raises(SourceUnavailable):
        registry.production()


def test_the_password_of_a_tracking_uri_is_not_repeated(free_ports, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry = ModelRegistry(f"http://user:hidden-word@127.0.0.1:{free_ports(1)}", "any")

    with pytest.raises(SourceUnavailable) as caught:
        registry.production()

    assert "127.0.0.1" in str(caught.value)
    assert "hidden-word" not in str(caught.value)


def test_a_registry_leaves_the_environment_alone(mlflow_server, name):
    before = dict(os.environ)

    ModelRegistry(mlflow_server, name).production()

    assert dict(os.environ) == before


@pytest.mark.parametrize("uri", ["ftp://x", "foo://bar"])
def test_a_tracking_uri_that_mlflow_does_not_know_is_an_error_of_ours(uri):
    with pytest.raises(SourceUnavailable):
        ModelRegistry(uri, "any")


def test_a_wrong_password_is_unauthorized_and_not_repeated(registry, version, monkeypatch):
    monkeypatch.setenv(CLIENT_ACCOUNT[1], "wrong-password")
    actions = (
        registry.production,
        lambda: registry.version("1"),
        lambda: registry.tag(version, {"note": "x"}),
        lambda: registry.download_onnx(version),
        lambda: registry.register("another-run", ONNX, {}),
    )

    for action in actions:
        with pytest.raises(Unauthorized, match="MLflow refuses this account") as caught:
            action()
        assert "wrong-password" not in str(caught.value)


def test_an_account_that_may_only_read_is_unauthorized_to_write(registry, version, monkeypatch):
    monkeypatch.setenv(CLIENT_ACCOUNT[0], "serving")

    with pytest.raises(Unauthorized, match="MLflow refuses this account"):
        registry.promote(version)
