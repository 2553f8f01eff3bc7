"""The three databases, empty and migrated, on each dialect; rows of a synthetic cohort."""

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from readmission.adapters.database import CleanDatabase, InferenceDatabase, RawDatabase, StoredBatch
from readmission.domain.cleaning import clean, validate_raw
from readmission.domain.schema import NAME_OF_RAW
from readmission.synthetic.cohort import cohort

ROWS = 300


@pytest.fixture(params=["sqlite", "mariadb", "mysql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/private/database.sqlite"
    return str(request.getfixturevalue(request.param).create_database(f"db_{uuid.uuid4().hex}"))


@pytest.fixture(params=["mariadb", "mysql"])
def sql_server(request: pytest.FixtureRequest) -> Any:
    """Each private database server."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def raw_database(database_url: str) -> Iterator[RawDatabase]:
    with RawDatabase(database_url) as database:
        database.migrate()
        yield database


@pytest.fixture
def clean_database(database_url: str) -> Iterator[CleanDatabase]:
    with CleanDatabase(database_url) as database:
        database.migrate()
        yield database


@pytest.fixture
def inference_database(database_url: str) -> Iterator[InferenceDatabase]:
    with InferenceDatabase(database_url) as database:
        database.migrate()
        yield database


def _raw(seed: int = 1) -> pd.DataFrame:
    frame = validate_raw(pd.DataFrame(cohort(ROWS, seed)).rename(columns=NAME_OF_RAW))
    # cohorts of two seeds share their numbers
    frame[["encounter_id", "patient_nbr"]] += seed * 10**12
    return frame


@pytest.fixture(scope="session")
def raw_frame() -> Callable[..., pd.DataFrame]:
    """Valid raw encounters, other ones for each seed."""
    return _raw


@pytest.fixture(scope="session")
def clean_frame() -> Callable[..., pd.DataFrame]:
    return lambda seed=1: clean(_raw(seed)).frame


@pytest.fixture(scope="session")
def ledger_row() -> Callable[..., StoredBatch]:
    def make(batch_number: int = 1, *, sha256: str = "a" * 64, source: str = "synthetic") -> StoredBatch:
        return StoredBatch(batch_number, sha256, ROWS, source, f"batches/{batch_number}.parquet")

    return make


@pytest.fixture
def in_process(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``work_in_process.py`` with these arguments; all are ended with the test."""
    started = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(Path(__file__).with_name("work_in_process.py")), *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, text=True, cwd=tmp_path, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
