"""Predictions to log, and a real table of predictions in an SQLite file."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from direct_connection import connect
from readmission.adapters.database import InferenceDatabase, PredictionRecord


def make_prediction(**changes: Any) -> PredictionRecord:
    values = {
        "prediction_id": str(uuid.uuid4()),
        "created_at": datetime.now(UTC),
        "model_name": "m",
        "model_version": "1",
        "probability": 0.1 + 0.2,
        "prediction": 1,
        "threshold": 0.4,
        "features": {"age": "[60-70)", "race": "línea\nnueva"},
        "source": "predict",
    }
    return PredictionRecord(**{**values, **changes})


@pytest.fixture(scope="session")
def prediction() -> Callable[..., PredictionRecord]:
    return make_prediction


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
