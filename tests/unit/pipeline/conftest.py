"""What one task needs around it: an object store in memory, databases in SQLite, a few synthetic encounters."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from doubles.object_store import MemoryStore
from readmission.adapters.database import CleanDatabase, InferenceDatabase, RawDatabase
from readmission.domain.cleaning import validate_raw
from readmission.domain.schema import NAME_OF_RAW
from readmission.synthetic.cohort import cohort_columns

ROWS = 300


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[RawDatabase]:
    with RawDatabase(f"sqlite:///{tmp_path}/raw.db") as database:
        database.migrate()
        yield database


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[CleanDatabase]:
    with CleanDatabase(f"sqlite:///{tmp_path}/clean.db") as database:
        database.migrate()
        yield database


@pytest.fixture
def inference(tmp_path: Path) -> Iterator[InferenceDatabase]:
    with InferenceDatabase(f"sqlite:///{tmp_path}/inference.db") as database:
        database.migrate()
        yield database


@pytest.fixture(scope="session")
def received() -> pd.DataFrame:
    """A batch as it comes: the original column names, nothing checked."""
    return pd.DataFrame(dict(cohort_columns(ROWS, seed=3)))


@pytest.fixture(scope="session")
def raw_frame(received: pd.DataFrame) -> pd.DataFrame:
    return validate_raw(received.rename(columns=NAME_OF_RAW))
