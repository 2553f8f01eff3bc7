from datetime import UTC, datetime

import numpy as np
import pytest

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.domain.encoding import encode
from readmission.errors import InvalidModel, ModelNotLoaded
from readmission.serving.encounter import EXAMPLE
from readmission.serving.live_model import LiveModel, ModelSlot, smoke_test


@pytest.fixture
def live(model_file) -> LiveModel:
    now = datetime.now(UTC)
    return LiveModel(ModelVersion("m", "1", "r", "d", now, {}), OnnxModel.from_bytes(model_file()), now)


def test_an_empty_slot_says_that_no_model_is_loaded():
    with pytest.raises(ModelNotLoaded):
        ModelSlot().current()


def test_the_probability_is_that_of_the_model(live):
    probabilities = live.probabilities(encode([EXAMPLE, EXAMPLE | {"number_inpatient": 0}]))

    np.testing.assert_allclose(probabilities, [1 / (1 + np.exp(-0.5)), 0.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("probability", "band", "prediction"),
    [(0.0, "low", 0), (0.39, "low", 0), (0.4, "medium", 0), (0.5, "medium", 1), (0.6, "high", 1), (1.0, "high", 1)],
)
def test_bands_and_threshold_begin_at_their_cut_offs(live, probability, band, prediction):
    assert live.risk_band(probability) == band
    assert live.prediction(probability) == prediction


def test_a_good_model_passes_the_smoke_test(model_file):
    smoke_test(OnnxModel.from_bytes(model_file()))


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 2.0, -1.0])
def test_a_model_that_gives_no_probabilities_fails_the_smoke_test(model_file, scale):
    with pytest.raises(InvalidModel):
        smoke_test(OnnxModel.from_bytes(model_file(scale=scale)))
