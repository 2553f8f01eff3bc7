"""A registry that holds bytes, model files of a few nodes, and the application on top of them."""

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from onnx import TensorProto, helper, numpy_helper

from readmission.adapters.registry import ModelVersion
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import SourceUnavailable
from readmission.serving.app import create_app
from readmission.settings import InferenceSettings

NAME = "diabetes_classifier"


def build_model(bias: float = 0.0, *, scale: float = 1.0, encoding_digest: str | None = None) -> bytes:
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
    metadata = ModelFileMetadata("any", 0.5, 0.4, 0.6, "synthetic", "logistic_regression", True, "0" * 64, trained_at)
    properties = metadata.properties() | ({"encoding_digest": encoding_digest} if encoding_digest else {})
    helper.set_model_props(model, properties)
    return model.SerializeToString()


class FakeRegistry:
    """Versions in memory; ``down`` makes it unreachable."""

    model_name = NAME

    def __init__(self) -> None:
        self.down = False
        self.files: dict[str, bytes] = {}
        self.downloads: list[str] = []
        self._production: ModelVersion | None = None

    def promote(self, version: str, data: bytes) -> ModelVersion:
        self.files[version] = data
        tags = {"test_roc_auc": "0.69", "test_brier": "nan", "reason": "better"}
        digest = hashlib.sha256(data).hexdigest()
        self._production = ModelVersion(NAME, version, "run", digest, datetime(2026, 1, 2, tzinfo=UTC), tags)
        return self._production

    def withdraw(self) -> None:
        self._production = None

    def production(self) -> ModelVersion | None:
        if self.down:
            raise SourceUnavailable("MLflow does not answer")
        return self._production

    def download_onnx(self, version: ModelVersion) -> bytes:
        self.downloads.append(version.version)
        return self.files[version.version]


@pytest.fixture(scope="session")
def model_file() -> Callable[..., bytes]:
    return build_model


@pytest.fixture
def registry() -> FakeRegistry:
    """With version 1 in production."""
    found = FakeRegistry()
    found.promote("1", build_model())
    return found


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def start(registry: FakeRegistry, tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Start an application: ``start(max_batch_rows=3, database=..., ready=False)``; by default it has its model."""
    clients = []

    def starting(*, database: object = None, ready: bool = True, **settings: object) -> TestClient:
        made = InferenceSettings(serving_dir=tmp_path, inference_database_url=None, **settings)
        client = TestClient(create_app(made, registry=registry, database=database))
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
