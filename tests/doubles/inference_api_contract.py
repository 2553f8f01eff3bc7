"""What a client of the inference API does, of the real one and of the one in memory."""

import pytest

from readmission.domain.example import EXAMPLE
from readmission.domain.horizon import HORIZON_NAMES
from readmission.errors import InvalidInput
from readmission.serving.operations import ModelInfo, Reload
from readmission.serving.responses import Prediction


class InferenceApiContract:
    """Needs the fixtures ``inference_api``, serving a model of each horizon, and ``promote_another()``.

    The latter promotes a version of the primary horizon's model and returns it.
    """

    def test_the_model_is_described_in_full(self, inference_api):
        described = inference_api.model_info()

        assert described.keys() == ModelInfo.model_fields.keys()
        assert ModelInfo.model_validate(described).version == described["version"]

    def test_a_prediction_has_every_field_and_the_version_of_the_model(self, inference_api):
        prediction = inference_api.predict(EXAMPLE)

        assert prediction.keys() == Prediction.model_fields.keys()
        assert Prediction.model_validate(prediction).model_version == inference_api.model_info()["version"]

    def test_a_prediction_has_the_risk_of_each_horizon_the_primary_first(self, inference_api):
        prediction = inference_api.predict(EXAMPLE)

        assert [risk["horizon"] for risk in prediction["risks"]] == list(HORIZON_NAMES)
        assert {name: prediction[name] for name in prediction["risks"][0] if name != "horizon"} == {
            name: value for name, value in prediction["risks"][0].items() if name != "horizon"
        }

    def test_each_horizon_describes_its_own_model(self, inference_api):
        described = {horizon: inference_api.model_info(horizon) for horizon in HORIZON_NAMES}

        assert {horizon: model["horizon"] for horizon, model in described.items()} == {
            horizon: horizon for horizon in HORIZON_NAMES
        }
        assert inference_api.models().keys() == described.keys()

    def test_the_loaded_horizons_are_named_with_their_versions(self, inference_api):
        ready = inference_api.ready_horizons()

        assert [model["horizon"] for model in ready] == list(HORIZON_NAMES)
        assert [model["model_version"] for model in ready] == [
            inference_api.model_info(horizon)["version"] for horizon in HORIZON_NAMES
        ]

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
        assert [model["horizon"] for model in reload["models"]] == list(HORIZON_NAMES)
        assert inference_api.model_info()["version"] == promoted

    def test_a_reload_of_one_horizon_speaks_of_that_one_only(self, inference_api):
        reload = inference_api.reload_model("within_30_days")

        assert [model["horizon"] for model in reload["models"]] == ["within_30_days"]
        assert reload["model_name"] == inference_api.model_info("within_30_days")["name"]
