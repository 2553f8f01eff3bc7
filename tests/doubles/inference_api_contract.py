"""What a client of the inference API does, of the real one and of the one in memory."""

import pytest

from readmission.domain.example import EXAMPLE
from readmission.errors import InvalidInput
from readmission.serving.operations import ModelInfo, Reload
from readmission.serving.responses import Prediction


class InferenceApiContract:
    """Needs the fixtures ``inference_api``, serving a model, and ``promote_another()``, which gives its version."""

    def test_the_model_is_described_in_full(self, inference_api):
        described = inference_api.model_info()

        assert described.keys() == ModelInfo.model_fields.keys()
        assert ModelInfo.model_validate(described).version == described["version"]

    def test_a_prediction_has_every_field_and_the_version_of_the_model(self, inference_api):
        prediction = inference_api.predict(EXAMPLE)

        assert prediction.keys() == Prediction.model_fields.keys()
        assert Prediction.model_validate(prediction).model_version == inference_api.model_info()["version"]

    def test_a_field_that_is_not_valid_is_named_with_its_limits(self, inference_api):
        with pytest.raises(InvalidInput) as refused:
            inference_api.predict(EXAMPLE | {"time_in_hospital": 99})

        assert refused.value.fields == ("time_in_hospital",)
        assert refused.value.problems[0]["allowed"] == {"type": "integer", "minimum": 1, "maximum": 14}

    def test_a_reload_brings_it_to_the_version_in_production(self, inference_api, promote_another):
        before, promoted = inference_api.model_info()["version"], promote_another()

        reload = inference_api.reload_model()

        assert reload.keys() == Reload.model_fields.keys()
        assert (reload["previous_version"], reload["model_version"]) == (before, promoted)
        assert inference_api.model_info()["version"] == promoted
