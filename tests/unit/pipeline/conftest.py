"""What one task needs around it: an object store in memory, databases in SQLite, a few synthetic encounters."""

import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from readmission.adapters.database import CleanDatabase, RawDatabase
from readmission.adapters.object_store import parquet
from readmission.domain.cleaning import validate_raw
from readmission.domain.schema import NAME_OF_RAW
from readmission.synthetic.cohort import cohort_columns

ROWS = 300


class MemoryStore:
    """The part of ``ObjectStore`` that tasks use."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def exists(self, bucket: str, key: str) -> bool:
        return (bucket, key) in self.objects

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.objects[bucket, key] = data

    def get(self, bucket: str, key: str) -> bytes:
        return self.objects[bucket, key]

    def put_frame(self, bucket: str, key: str, frame: pd.DataFrame) -> None:
        self.put(bucket, key, parquet(frame))

    def get_frame(self, bucket: str, key: str) -> pd.DataFrame:
        return pd.read_parquet(io.BytesIO(self.get(bucket, key)))


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


@pytest.fixture(scope="session")
def received() -> pd.DataFrame:
    """A batch as it comes: the original column names, nothing checked."""
    return pd.DataFrame(dict(cohort_columns(ROWS, seed=3)))


@pytest.fixture(scope="session")
def raw_frame(received: pd.DataFrame) -> pd.DataFrame:
    return validate_raw(received.rename(columns=NAME_OF_RAW))
