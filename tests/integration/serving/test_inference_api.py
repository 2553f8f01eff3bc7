"""The client of the inference API against the real server, by the contract that its double is held by."""

import pytest
from pydantic import SecretStr

from doubles.inference_api_contract import InferenceApiContract
from readmission.adapters.inference_api import InferenceApi


class TestInferenceApi(InferenceApiContract):
    @pytest.fixture
    def inference_api(self, server):
        with InferenceApi(server.url, admin_api_key=SecretStr("admin-key")) as api:
            yield api

    @pytest.fixture
    def promote_another(self, published):
        def promote():
            published.registry.promote(published.versions[1])
            return published.versions[1].version

        return promote
