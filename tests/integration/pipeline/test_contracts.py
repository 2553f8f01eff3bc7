"""The contracts of the doubles, held by the real data API and the real S3 store."""

import pytest

from doubles.data_api_contract import DataApiContract
from doubles.object_store_contract import ObjectStoreContract
from readmission.adapters.data_api import DataApi


class TestDataApi(DataApiContract):
    @pytest.fixture
    def data_api(self, source):
        return source.client

    @pytest.fixture
    def dead_data_api(self, free_ports):
        with DataApi(f"http://127.0.0.1:{free_ports(1)}") as api:
            yield api


class TestObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, object_store):
        return object_store
