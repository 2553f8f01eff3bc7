"""Predictions to log, and a real table of predictions in an SQLite file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import log_process
import pytest
from sqlalchemy import text

from direct_connection import connect
from readmission.adapters.database import InferenceDatabase, PredictionRecord


@pytest.fixture(scope="session")
def prediction() -> Callable[..., PredictionRecord]:
    return log_process.prediction


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a log, which is not there yet."""
    return tmp_path / "inference-api" / "log"


@pytest.fixture
def table(tmp_path: Path) -> Iterator[InferenceDatabase]:
    with InferenceDatabase(f"sqlite:///{tmp_path}/inference.db") as database:
        database.migrate()
        yield database


@pytest.fixture
def stored(table: InferenceDatabase) -> Callable[[], list[str]]:
    """The ids in the table, in the order in which they landed."""

    def read() -> list[str]:
        with connect(table) as connection:
            return list(connection.scalars(text("SELECT prediction_id FROM predictions ORDER BY id")))

    return read
