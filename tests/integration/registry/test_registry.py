"""The registry adapter against a real MLflow whose artifacts lie in a real S3 store."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from readmission.adapters.registry import ModelRegistry
from readmission.errors import InvalidModel, NotFound, SourceUnavailable

ONNX = b"a model file"


@pytest.fixture
def versions(registry, new_run):
    """Three registered versions."""
    return [registry.register(new_run(), ONNX + bytes([number]), {"candidate": "lightgbm"}) for number in range(3)]


def test_a_registry_without_the_model_has_nothing_in_production(registry):
    assert registry.production() is None
    assert registry.previous() is None
    assert registry.find("no such run") is None


def test_a_registered_version_has_its_tags_and_the_digest_of_its_file(registry, new_run):
    run_id = new_run()

    version = registry.register(run_id, ONNX, {"candidate": "lightgbm", "test_roc_auc": "0.69"})

    assert (version.name, version.version, version.run_id) == (registry.model_name, "1", run_id)
    assert version.onnx_digest == hashlib.sha256(ONNX).hexdigest()
    assert version.tags["test_roc_auc"] == "0.69"
    assert abs(version.created_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert registry.version("1") == version == registry.find(run_id)


def test_a_run_is_registered_once(registry, new_run):
    run_id = new_run()

    first = registry.register(run_id, ONNX, {"candidate": "lightgbm"})
    second = registry.register(run_id, b"another file", {"candidate": "another"})

    assert second == first
    assert registry.download_onnx(second) == ONNX


def test_a_file_that_was_uploaded_by_a_killed_task_is_replaced(registry, new_run, client, tmp_path):
    run_id = new_run()
    (tmp_path / "model.onnx").write_bytes(b"half a model")
    client.log_artifact(run_id, str(tmp_path / "model.onnx"), "model")

    version = registry.register(run_id, ONNX, {})

    assert registry.download_onnx(version) == ONNX


def test_each_version_keeps_its_own_file(registry, versions):
    assert [registry.download_onnx(version) for version in versions] == [ONNX + bytes([number]) for number in range(3)]


def test_a_file_that_was_exchanged_is_refused(registry, versions, client, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"a hostile model")
    client.log_artifact(versions[0].run_id, str(tmp_path / "model.onnx"), "model")

    with pytest.raises(InvalidModel, match="another digest"):
        registry.download_onnx(versions[0])


@pytest.mark.usefixtures("versions")
def test_a_version_that_was_registered_by_hand_has_no_model_file(registry, client, new_run):
    run_id = new_run()
    client.create_model_version(registry.model_name, f"runs:/{run_id}/model", run_id)

    by_hand = registry.find(run_id)

    assert by_hand.onnx_digest == ""
    with pytest.raises(InvalidModel, match="without a model file"):
        registry.download_onnx(by_hand)


@pytest.mark.parametrize("number", ["99", "0", "-1", "latest", "1; drop table", ""])
@pytest.mark.usefixtures("versions")
def test_a_version_that_is_not_there_is_not_found(registry, number):
    with pytest.raises(NotFound):
        registry.version(number)


def test_promotion_moves_the_aliases(registry, versions):
    registry.promote(versions[0])
    assert (registry.production(), registry.previous()) == (versions[0], None)

    registry.promote(versions[1])

    assert (registry.production(), registry.previous()) == (versions[1], versions[0])


def test_promoting_twice_keeps_the_previous_version(registry, versions):
    for version in (versions[0], versions[1], versions[1]):
        registry.promote(version)

    assert (registry.production(), registry.previous()) == (versions[1], versions[0])


def test_a_promotion_that_was_killed_between_the_aliases_leaves_the_old_version_and_is_completed(
    registry, versions, client
):
    registry.promote(versions[0])
    client.set_registered_model_alias(registry.model_name, "previous", versions[0].version)
    assert registry.production() == versions[0]

    registry.promote(versions[1])

    assert (registry.production(), registry.previous()) == (versions[1], versions[0])


def test_a_rollback_puts_the_previous_version_back_and_marks_the_other(registry, versions):
    registry.promote(versions[0])
    registry.promote(versions[1])

    now = registry.rollback()

    assert now.version == registry.production().version == versions[0].version
    assert registry.previous() is None
    assert registry.version(versions[1].version).tags["promotion"] == "rolled_back"


def test_there_is_one_step_back_and_no_more(registry, versions):
    registry.promote(versions[0])
    registry.promote(versions[1])
    registry.rollback()

    with pytest.raises(NotFound, match="no previous version"):
        registry.rollback()


def test_tags_are_added_and_changed_and_the_others_stay(registry, versions):
    registry.tag(versions[0], {"promotion": "rejected", "promotion_reason": "worse: -0.01, ¿por qué?"})
    registry.tag(versions[0], {"promotion": "promoted"})

    tags = registry.version(versions[0].version).tags

    assert tags["promotion"] == "promoted"
    assert tags["promotion_reason"] == "worse: -0.01, ¿por qué?"
    assert tags["candidate"] == "lightgbm"


def test_many_readers_see_one_production_version(registry, versions):
    registry.promote(versions[2])

    with ThreadPoolExecutor(8) as pool:
        seen = {version.version for version in pool.map(lambda _: registry.production(), range(40))}

    assert seen == {versions[2].version}


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
