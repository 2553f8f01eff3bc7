"""A real data API in a thread, and the platform's databases, empty, on each dialect."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import waitress

from readmission.adapters.data_api import DataApi
from readmission.adapters.database import CleanDatabase, InferenceDatabase, RawDatabase
from readmission.data_api.app import create_app
from readmission.data_api.batches import BatchStore
from readmission.data_api.publication import Publication
from readmission.data_api.sources import synthetic_source

ROWS = 6_000
BATCH_ROWS = 3_000


@pytest.fixture(scope="session")
def batch_store(tmp_path_factory: pytest.TempPathFactory) -> BatchStore:
    return BatchStore.prepare(synthetic_source(ROWS, seed=7), BATCH_ROWS, tmp_path_factory.mktemp("data-api"))


class Source:
    """A running data API with one of two batches published; ``publish_all`` publishes the other one."""

    def __init__(self, store: BatchStore, directory: Path) -> None:
        self.now = datetime.now(UTC)
        publication = Publication(directory, store.digest, store.total, interval=3600, clock=lambda: self.now)
        self._server = waitress.create_server(create_app(store, publication), host="127.0.0.1", port=0)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        self.client = DataApi(f"http://127.0.0.1:{self._server.effective_port}")

    def publish_all(self) -> None:
        self.now += timedelta(days=1)

    def close(self) -> None:
        self.client.close()
        self._server.close()
        self._server.task_dispatcher.shutdown()
        self._thread.join(timeout=10)


@pytest.fixture
def source(batch_store: BatchStore, tmp_path: Path) -> Iterator[Source]:
    source = Source(batch_store, tmp_path / "publication")
    yield source
    source.close()


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The URL of an empty database of that name."""
    if request.param == "mariadb":
        create: Callable[[str], str] = request.getfixturevalue("mariadb").create_database
        return create
    return lambda name: f"sqlite:///{tmp_path}/{name}.sqlite"


@pytest.fixture
def raw(database_url: Callable[[str], str]) -> Iterator[RawDatabase]:
    database = RawDatabase(database_url("raw_data_db"))
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def clean(database_url: Callable[[str], str]) -> Iterator[CleanDatabase]:
    database = CleanDatabase(database_url("clean_data_db"))
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def inference(database_url: Callable[[str], str]) -> Iterator[InferenceDatabase]:
    database = InferenceDatabase(database_url("inference_db"))
    database.migrate()
    yield database
    database.close()
