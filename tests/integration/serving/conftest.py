"""Real inference servers, each with its workers, on models of a real MLflow."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow import MlflowClient

from doubles.gate_keys import PUBLIC_KEY, SIGNER
from readmission.adapters.registry import ModelRegistry, ModelVersion
from readmission.domain.horizon import HORIZONS, HorizonName
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.statement import PROMOTED
from readmission.modeling.export import export
from readmission.modeling.fit import fit

SERVE = "from readmission import cli; cli.serve()"
MODEL_NAME = "served_in_tests"
ADMIN = {"X-API-Key": "admin-key"}
# more fresh connections than there are workers: each worker is met
CONNECTIONS = 16


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def document(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Server:
    """A running server: its supervisor process, where it listens, and its files."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    serving_dir: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[psutil.Process]:
        """The processes that serve; not the resource tracker of multiprocessing."""
        children = psutil.Process(self.process.pid).children()
        alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
        return [child for child in alive if "spawn_main" in " ".join(child.cmdline())]

    def call(self, method: str, path: str, document: object = None, headers: dict[str, str] | None = None) -> Answer:
        """One request over a connection of its own, so that any worker may get it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, None if document is None else json.dumps(document), headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode())
        finally:
            connection.close()

    def predict(self, encounter: object) -> Answer:
        return self.call("POST", "/predict", encounter, {"Content-Type": "application/json"})

    def versions(self, horizon: HorizonName = "any") -> set[str]:
        """The model versions of a horizon that a row of fresh connections meets."""
        return {version for version, _ in self.served(horizon)}

    def served(self, horizon: HorizonName) -> set[tuple[str | None, bool | None]]:
        """The versions of a horizon that a row of fresh connections meets, and whether they are stale."""
        answers = [self.call("GET", f"/model-info?horizon={horizon}").document for _ in range(CONNECTIONS)]
        return {(answer.get("version"), answer.get("stale")) for answer in answers}

    def samples(self, name: str, label: str = "") -> dict[str, float]:
        """The series of a metric, from one scrape; where given, those with a label such as ``horizon="any"``."""
        scraped = self.call("GET", "/metrics").text.splitlines()
        lines = [line for line in scraped if line.startswith(name) and label in line]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def answers(self, path: str, status: int) -> bool:
        try:
            return all(self.call("GET", path).status == status for _ in range(CONNECTIONS))
        except OSError:
            return False

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(40)


def wait_until(holds: Callable[[], bool], what: str, log: Path | None = None, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            pytest.fail(f"not in {seconds} s: {what}\n{log.read_text()[-3000:] if log else ''}")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    return wait_until


@dataclass(frozen=True)
class Published:
    """A registered model of these tests, of one horizon: two versions that differ, and their files."""

    registry: ModelRegistry
    client: MlflowClient
    versions: list[ModelVersion]
    files: list[bytes]

    def register(self, data: bytes) -> ModelVersion:
        """A new version that is signed as promoted, not in production."""
        run = self.client.create_run("0").info.run_id
        version = self.registry.register(run, data, {"test_roc_auc": "0.66"})
        self.registry.tag(version, SIGNER.sign(version, PROMOTED))
        return self.registry.version(version.version)

    def withdraw(self) -> None:
        self.client.delete_registered_model_alias(self.registry.model_name, "production")


@pytest.fixture(scope="session")
def publish(mlflow_server: str, split_cohort: Callable[..., Any]) -> Callable[[HorizonName], Published]:
    """Register two versions of a horizon's model, none in production."""

    def file_of(horizon: HorizonName, seed: int) -> bytes:
        metadata = ModelFileMetadata(
            horizon, 0.46, 0.45, 0.55, "synthetic", "logistic_regression", True, "0" * 64, datetime.now(UTC)
        )
        return export(fit("logistic_regression", split_cohort(2000, seed), horizon, seed=0), metadata)

    def publishing(horizon: HorizonName) -> Published:
        registry = ModelRegistry(mlflow_server, HORIZONS[horizon].model_name(MODEL_NAME))
        files = [file_of(horizon, seed) for seed in (1, 2)]
        published = Published(registry, MlflowClient(mlflow_server), [], files)
        published.versions.extend(published.register(data) for data in files)
        return published

    return publishing


@pytest.fixture(scope="session")
def registered(publish: Callable[[HorizonName], Published]) -> Published:
    return publish("any")


@pytest.fixture(scope="session")
def registered_30d(publish: Callable[[HorizonName], Published]) -> Published:
    return publish("within_30_days")


@pytest.fixture
def published(registered: Published) -> Published:
    """Of the primary horizon, with the first version in production."""
    registered.registry.promote(registered.versions[0])
    return registered


@pytest.fixture
def published_30d(registered_30d: Published) -> Published:
    """Of the other horizon, with the first version in production."""
    registered_30d.registry.promote(registered_30d.versions[0])
    return registered_30d


@contextmanager
def running(
    directory: Path,
    port: int,
    *,
    path: str = "/ready",
    status: int = 200,
    stderr: int | None = None,
    **settings: object,
) -> Iterator[Server]:
    """A server that polls seldom, from the moment on that ``path`` answers with ``status``; gRPC has the next port.

    ``stderr``: the descriptor that takes its log instead of the file.
    """
    directory.mkdir(exist_ok=True)
    chosen = {
        "inference_port": port,
        "inference_grpc_port": port + 1,
        "serving_dir": directory / "serving",
        "mlflow_http_request_max_retries": 0,
        "model_name": MODEL_NAME,
        "gate_public_key": PUBLIC_KEY,
        "model_poll_seconds": 3600,
        "admin_api_key": ADMIN["X-API-Key"],
    } | settings
    environment = os.environ | {name.upper(): str(value) for name, value in chosen.items()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stderr=stderr or output)
    server = Server(process, port, log, directory / "serving")
    try:
        wait_until(lambda: server.answers(path, status), f"{path} answers {status}", log)
        yield server
    finally:
        workers = server.workers() if process.poll() is None else []
        server.stop()
        assert not [worker for worker in workers if worker.is_running()]


@pytest.fixture
def serve(mlflow_server: str, tmp_path: Path, free_ports: Callable[[int], int]) -> Callable[..., Any]:
    """``with serve(**settings) as server``: one of this test's own, with one worker unless more are asked for."""

    def serving(**settings: Any) -> Any:
        defaults = {"inference_workers": 1, "mlflow_tracking_uri": mlflow_server}
        return running(tmp_path, free_ports(2), **defaults | settings)

    return serving


@pytest.fixture(scope="session")
def standing_server(
    registered: Published,
    registered_30d: Published,
    mlflow_server: str,
    tmp_path_factory: pytest.TempPathFactory,
    free_ports: Callable[[int], int],
) -> Iterator[Server]:
    for model in (registered, registered_30d):
        model.registry.promote(model.versions[0])
    directory = tmp_path_factory.mktemp("server")
    settings = {
        "inference_workers": 2,
        "mlflow_tracking_uri": mlflow_server,
        "inference_database_url": f"sqlite:///{directory}/inference.db",
    }
    with running(directory, free_ports(2), **settings) as server:
        wait_until(lambda: "prediction log migrated" in server.log.read_text(), "the tables are there", server.log)
        yield server


@pytest.fixture
def server(standing_server: Server, published: Published, published_30d: Published) -> Server:
    """The server that tests share: two workers, both on the first version of each horizon."""
    for horizon, model in (("any", published), ("within_30_days", published_30d)):
        first = {(model.versions[0].version, False)}
        # a reload without need would reach the other worker only while the test runs
        if standing_server.served(horizon) != first:
            assert standing_server.call("POST", f"/reload-model?horizon={horizon}", headers=ADMIN).status == 200
        wait_until(
            lambda horizon=horizon, first=first: standing_server.served(horizon) == first,
            f"all workers on the first version of {horizon}",
            standing_server.log,
        )
    return standing_server
