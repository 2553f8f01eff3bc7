"""A small source of encounters, cut into three batches."""

import pyarrow as pa
import pytest

from readmission.data_api.batches import BatchStore, Source
from readmission.data_api.sources import synthetic_source


@pytest.fixture(scope="session")
def encounters() -> pa.Table:
    return synthetic_source(250, seed=0).read()


@pytest.fixture
def source(encounters) -> Source:
    return Source("file", "a digest", lambda: encounters)


@pytest.fixture
def store(source, tmp_path) -> BatchStore:
    return BatchStore.prepare(source, 100, tmp_path)
