"""The attack on the registry, repeated: a hostile model file in MLflow, under the alias ``production``.

The attacker can write to MLflow, as anybody on the machine could: files, versions, tags and aliases. He has no key.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
from mlflow import MlflowClient
from onnx import TensorProto, helper, numpy_helper

from doubles.gate_keys import STRANGER
from readmission.adapters.registry import ModelVersion
from readmission.domain.example import EXAMPLE
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES
from readmission.domain.statement import PROMOTED

MODEL_NAME = "served_in_tests"
ADMIN = {"X-API-Key": "admin-key"}
ALARM = 0.99


def hostile_model() -> bytes:
    """A model file that meets the contract and gives every patient the risk 0.99."""
    width = len(FEATURE_NAMES)
    tensors = [
        numpy_helper.from_array(np.zeros((width, 2), np.float32), "zeros"),
        numpy_helper.from_array(np.array([1 - ALARM, ALARM], np.float32), "answer"),
    ]
    nodes = [
        helper.make_node("IsNaN", ["features"], ["unknown"]),
        helper.make_node("Cast", ["unknown"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["number", "zeros"], ["nothing"]),
        helper.make_node("Add", ["nothing", "answer"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    metadata = ModelFileMetadata("any", 0.5, 0.4, 0.6, "uci", "lightgbm", True, "0" * 64, datetime.now(UTC))
    helper.set_model_props(model, metadata.properties())
    return model.SerializeToString()


@dataclass(frozen=True)
class Attacker:
    """Somebody with MLflow's address and nothing else."""

    client: MlflowClient
    folder: object

    def register(self, **tags: str) -> ModelVersion:
        """Upload the hostile file and create a version with its digest."""
        data = hostile_model()
        run_id = self.client.create_run("0").info.run_id
        path = self.folder / "model.onnx"
        path.write_bytes(data)
        self.client.log_artifact(run_id, str(path), "model")
        digest = hashlib.sha256(data).hexdigest()
        made = self.client.create_model_version(
            MODEL_NAME, f"runs:/{run_id}/model", run_id, tags=tags | {"onnx_digest": digest}
        )
        return ModelVersion(MODEL_NAME, str(made.version), run_id, digest, datetime.now(UTC), made.tags)

    def take_production(self, version: ModelVersion) -> ModelVersion:
        self.client.set_registered_model_alias(MODEL_NAME, "production", version.version)
        return version

    def tag(self, version: ModelVersion, tags: dict[str, str]) -> None:
        for name, value in tags.items():
            self.client.set_model_version_tag(MODEL_NAME, version.version, name, value)


@pytest.fixture
def attacker(mlflow_server, tmp_path):
    return Attacker(MlflowClient(mlflow_server), tmp_path)


def with_its_own_digest(attacker, good):  # noqa: ARG001 - each attack takes both
    return attacker.register()


def with_the_tags_of_a_good_version(attacker, good):
    return attacker.register(**good.tags)


def with_a_signature_by_a_key_of_the_attacker(attacker, good):  # noqa: ARG001
    version = attacker.register()
    attacker.tag(version, STRANGER.sign(version, PROMOTED))
    return version


ATTACKS = [with_its_own_digest, with_the_tags_of_a_good_version, with_a_signature_by_a_key_of_the_attacker]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_hostile_version_in_production_is_refused_and_the_good_model_goes_on(server, published, attacker, attack):
    before = server.predict(EXAMPLE).document["probability"]
    hostile = attacker.take_production(attack(attacker, published.versions[0]))

    refused = server.call("POST", "/reload-model", headers=ADMIN)

    assert refused.status == 502
    assert f"{MODEL_NAME} version {hostile.version}" in refused.document["detail"]
    assert "sign" in refused.document["detail"]
    assert server.predict(EXAMPLE).document["probability"] == before != pytest.approx(ALARM)
    assert server.versions() == {published.versions[0].version}


def test_a_good_version_whose_file_was_exchanged_is_refused(serve, published, attacker, eventually):
    hostile = attacker.register()
    good = published.register(published.files[1])
    with serve(model_poll_seconds=0.5) as server:
        attacker.tag(good, {"onnx_digest": hostile.onnx_digest})
        attacker.take_production(good)

        eventually(lambda: "signature of" in server.log.read_text(), "the refusal is said", server.log)
        assert server.versions() == {published.versions[0].version}


def test_the_follower_says_what_it_refuses_and_follows_an_older_promoted_version_set_by_hand(
    serve, published, attacker, eventually
):
    older, newer = published.versions
    published.registry.promote(newer)
    with serve(model_poll_seconds=0.5) as server:
        attacker.take_production(attacker.register())
        eventually(lambda: "is not signed" in server.log.read_text(), "the refusal is said", server.log)
        info = server.call("GET", "/model-info").document
        assert (info["version"], info["stale"]) == (newer.version, True)
        assert server.samples('readmission_model_reloads_total{horizon="any",result="untrusted"}').popitem()[1] >= 1

        attacker.take_production(older)

        eventually(lambda: server.versions() == {older.version}, "the older version is served", server.log)
        assert server.call("GET", "/model-info").document["stale"] is False


@pytest.mark.usefixtures("published")
def test_a_server_that_starts_with_a_hostile_version_has_no_model_and_says_why(serve, attacker):
    hostile = attacker.take_production(attacker.register())

    with serve(path="/health") as server:
        ready = server.call("GET", "/ready")

    assert ready.status == 503
    assert f"version {hostile.version} is not signed" in ready.document["detail"]


@pytest.mark.usefixtures("published")
def test_a_server_without_a_public_key_has_no_model_and_names_the_setting(serve):
    with serve(path="/health", gate_public_key="") as server:
        ready = server.call("GET", "/ready")

    assert ready.status == 503
    assert "GATE_PUBLIC_KEY is not set" in ready.document["detail"]
