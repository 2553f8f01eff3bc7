"""The doubles do what the contracts say; the same contracts run against the real servers in tests/integration."""

import pytest

from doubles.compute import FakeInstance
from doubles.compute_contract import InstanceContract
from doubles.data_api import FakeDataApi
from doubles.data_api_contract import DataApiContract
from doubles.experiment import FakeExperiment
from doubles.experiment_contract import ExperimentContract
from doubles.inference_api import FakeInferenceApi
from doubles.inference_api_contract import InferenceApiContract
from doubles.object_store import MemoryStore
from doubles.object_store_contract import ObjectStoreContract
from doubles.registry import FakeRegistry
from doubles.registry_contract import RegistryContract


class TestFakeRegistry(RegistryContract):
    @pytest.fixture
    def registry(self):
        return FakeRegistry()

    @pytest.fixture
    def new_run(self):
        numbers = iter(range(100))
        return lambda: f"run-{next(numbers)}"

    @pytest.fixture
    def overwrite_file(self, registry):
        return registry.files.__setitem__

    @pytest.fixture
    def delete_file(self, registry):
        return registry.files.pop

    @pytest.fixture
    def set_alias(self, registry):
        return registry.aliases.__setitem__


class TestMemoryStore(ObjectStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestFakeExperiment(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return FakeExperiment()


class TestFakeDataApi(DataApiContract):
    @pytest.fixture
    def data_api(self):
        return FakeDataApi(published=1, total=2)

    @pytest.fixture
    def dead_data_api(self, data_api):
        data_api.down = True
        return data_api


class TestFakeInstance(InstanceContract):
    @pytest.fixture
    def instance_in(self):
        return FakeInstance


class TestFakeInferenceApi(InferenceApiContract):
    @pytest.fixture
    def inference_api(self):
        return FakeInferenceApi(production="4")

    @pytest.fixture
    def promote_another(self, inference_api):
        return lambda: inference_api.production
