from datetime import UTC, datetime

import numpy as np
import onnx
import onnxruntime
import pytest

from readmission.adapters.onnx_model import OnnxModel
from readmission.domain.model_file import PARITY_LIMIT, ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import InvalidModel
from readmission.modeling.background import background_sample
from readmission.modeling.candidates import CANDIDATE_NAMES, load
from readmission.modeling.export import check_parity, export, parity, with_unknowns
from readmission.modeling.features import ClinicalEncoder
from readmission.modeling.fit import fit

METADATA = ModelFileMetadata(
    target="any",
    threshold=0.5,
    risk_band_medium=0.4,
    risk_band_high=0.6,
    data_source="synthetic",
    candidate="any candidate",
    calibrated=False,
    dataset_digest="0" * 64,
    trained_at=datetime(2026, 11, 23, tzinfo=UTC),
)


@pytest.fixture(scope="module")
def cohort(split_cohort):
    return split_cohort(4_000, 5)


@pytest.fixture(scope="module")
def validation(cohort):
    return cohort[cohort["split"] == "validation"]


@pytest.fixture(scope="module", params=CANDIDATE_NAMES)
def exported(request, cohort):
    pipeline = fit(request.param, cohort[cohort["split"] == "train"], "any", seed=0)
    return pipeline, export(pipeline, METADATA)


def test_the_model_file_says_what_the_pipeline_says_also_of_unknown_values(exported, validation):
    pipeline, data = exported

    difference = check_parity(pipeline, OnnxModel.from_bytes(data).predict_probability, validation)

    assert difference < 1e-5


def test_a_model_file_holds_nothing_but_probabilities_and_its_metadata(exported):
    _, data = exported

    model = onnx.load_from_string(data)

    onnx.checker.check_model(model)
    assert [output.name for output in model.graph.output] == ["probabilities"]
    assert {item.key: item.value for item in model.metadata_props} == METADATA.properties()


def test_the_same_pipeline_gives_the_same_bytes(exported):
    pipeline, data = exported

    assert export(pipeline, METADATA) == data


def test_a_model_file_keeps_its_background(exported, cohort):
    pipeline, _ = exported
    background = background_sample(cohort[cohort["split"] == "train"], seed=0)

    model = OnnxModel.from_bytes(export(pipeline, METADATA, background))

    np.testing.assert_array_equal(model.background, background)


def test_both_probabilities_add_up_to_1(exported, validation):
    _, data = exported

    (both,) = onnxruntime.InferenceSession(data).run(None, {"features": ClinicalEncoder().transform(validation)})

    np.testing.assert_allclose(both.sum(axis=1), 1, atol=1e-6)


def test_a_model_file_of_other_weights_fails_the_check(exported, validation, cohort):
    pipeline, _ = exported
    other = export(fit("logistic_regression", cohort.head(500), "any", seed=1), METADATA)

    with pytest.raises(InvalidModel, match="differs from its pipeline"):
        check_parity(pipeline, OnnxModel.from_bytes(other).predict_probability, validation)


def test_a_difference_on_unknown_values_alone_fails_the_check(exported, validation):
    pipeline, data = exported
    model = OnnxModel.from_bytes(data)
    known = validation.dropna()

    def wrong_where_unknown(matrix):
        return model.predict_probability(matrix) + 0.1 * np.isnan(matrix).any(axis=1)

    assert parity(pipeline, wrong_where_unknown, known) < PARITY_LIMIT
    with pytest.raises(InvalidModel):
        check_parity(pipeline, wrong_where_unknown, known)


def test_probabilities_that_are_no_numbers_fail_the_check(exported, validation):
    pipeline, _ = exported

    with pytest.raises(InvalidModel):
        check_parity(pipeline, lambda matrix: np.full(len(matrix), np.nan), validation)


def test_no_encounters_show_no_parity(exported, validation):
    pipeline, data = exported

    with pytest.raises(InvalidModel, match="no encounters"):
        check_parity(pipeline, OnnxModel.from_bytes(data).predict_probability, validation.iloc[:0])


def test_unknowns_are_spread_over_every_feature_and_leave_the_original_alone(validation):
    before = validation.copy()

    stressed = with_unknowns(validation, share=0.5, seed=0)

    shares = stressed[list(FEATURE_NAMES)].isna().mean()
    assert shares.min() > 0.4
    assert validation.equals(before)
    assert stressed.equals(with_unknowns(validation, share=0.5, seed=0))


def test_registering_a_converter_again_changes_nothing(exported):
    pipeline, data = exported

    for name in CANDIDATE_NAMES:
        for converter in load(name).converters:
            converter.register()

    assert export(pipeline, METADATA) == data
