"""Model files of a few nodes, in a registry in memory, and the application on top of them."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from onnx import TensorProto, helper, numpy_helper

from doubles.gate_keys import PUBLIC_KEY
from doubles.registry import FakeRegistry
from readmission.adapters.database import InferenceDatabase
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES
from readmission.prediction.log.record import parse_record, payload_of
from readmission.prediction.log.segment import segments
from readmission.serving.app import create_app
from readmission.settings import InferenceSettings


def build_model(
    bias: float = 0.0, *, scale: float = 1.0, horizon: str = "any", encoding_digest: str | None = None
) -> bytes:
    """A model whose probability is ``scale * sigmoid(0.5 * number_inpatient + bias)``; bands change at 0.4 and 0.6."""
    weights = np.zeros((len(FEATURE_NAMES), 1), np.float32)
    weights[FEATURE_NAMES.index("number_inpatient")] = 0.5
    constants = {"zero": 0.0, "one": 1.0, "bias": bias, "scale": scale}
    tensors = [numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()]
    nodes = [
        helper.make_node("IsNaN", ["features"], ["unknown"]),
        helper.make_node("Where", ["unknown", "zero", "features"], ["known"]),
        helper.make_node("MatMul", ["known", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["unscaled"]),
        helper.make_node("Mul", ["unscaled", "scale"], ["risk"]),
        helper.make_node("Sub", ["one", "risk"], ["rest"]),
        helper.make_node("Concat", ["rest", "risk"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(FEATURE_NAMES)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [*tensors, numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    trained_at = datetime(2026, 1, 1, tzinfo=UTC)
    metadata = ModelFileMetadata(horizon, 0.5, 0.4, 0.6, "synthetic", "logistic_regression", True, "0" * 64, trained_at)
    properties = metadata.properties() | ({"encoding_digest": encoding_digest} if encoding_digest else {})
    helper.set_model_props(model, properties)
    return model.SerializeToString()


@pytest.fixture(scope="session")
def model_file() -> Callable[..., bytes]:
    return build_model


@pytest.fixture
def registry() -> FakeRegistry:
    """Of the primary horizon, with version 1 in production."""
    found = FakeRegistry()
    found.publish(build_model(), test_roc_auc="0.69", test_brier="nan", reason="better")
    return found


@pytest.fixture
def registry_30d() -> FakeRegistry:
    """Of the other horizon, with version 1 in production; the logit of its risk is lower by 1."""
    found = FakeRegistry("diabetes_classifier_30d")
    found.publish(build_model(-1.0, horizon="within_30_days"), test_roc_auc="0.66")
    return found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[InferenceDatabase]:
    with InferenceDatabase(f"sqlite:///{tmp_path}/inference.db") as found:
        found.migrate()
        yield found


@pytest.fixture
def logged(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """``logged()``: the records in the log of the application, which no shipper empties here."""

    def read() -> list[dict[str, Any]]:
        files = [path.read_bytes() for path in segments(tmp_path / "prediction-log")]
        payloads = [payload_of(line) for file in files for line in file.splitlines(keepends=True)]
        return [vars(parse_record(payload)) for payload in payloads if payload]

    return read


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def start(registry: FakeRegistry, registry_30d: FakeRegistry, tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Start an application: ``start(max_batch_rows=3, database=..., ready=False)``; by default it has its models."""
    clients = []
    registries = {"any": registry, "within_30_days": registry_30d}

    def starting(*, database: object = None, ready: bool = True, **settings: object) -> TestClient:
        chosen = {"gate_public_key": PUBLIC_KEY} | settings
        made = InferenceSettings(serving_dir=tmp_path, inference_database_url=None, **chosen)
        client = TestClient(create_app(made, registries=registries, database=database))
        clients.append(client.__enter__())
        if ready:
            wait_until(lambda: client.get("/ready").status_code == 200)
        return client

    yield starting
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(start: Callable[..., TestClient]) -> TestClient:
    return start()
