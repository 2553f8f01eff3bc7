from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from readmission.adapters.onnx_model import OnnxModel
from readmission.domain.background import to_text
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import InvalidModel

WIDTH = len(FEATURE_NAMES)
METADATA = ModelFileMetadata(
    "any", 0.5, 0.4, 0.6, "synthetic", "hand_made", True, "d", datetime(2026, 11, 23, tzinfo=UTC)
)


def model_file(*, input_name="features", output_name="probabilities", width=WIDTH, classes=2, properties=None):
    """A linear model by hand: the risk is the first feature, every other is ignored."""
    weight = np.zeros((width, classes), dtype=np.float32)
    weight[0, -1] = 1
    graph = helper.make_graph(
        [helper.make_node("MatMul", [input_name, "weight"], [output_name])],
        "linear",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(output_name, TensorProto.FLOAT, [None, classes])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    helper.set_model_props(model, METADATA.properties() if properties is None else properties)
    return model.SerializeToString()


def rows(*risks):
    matrix = np.zeros((len(risks), WIDTH), dtype=np.float32)
    matrix[:, 0] = risks
    return matrix


def test_the_risk_is_the_second_column():
    model = OnnxModel.from_bytes(model_file())

    np.testing.assert_allclose(model.predict_probability(rows(0.25, 0.75)), [0.25, 0.75])


def test_the_metadata_is_read():
    assert OnnxModel.from_bytes(model_file()).metadata == METADATA


def test_the_background_is_read():
    background = rows(0.25, 0.75)
    data = model_file(properties=METADATA.properties() | {"background": to_text(background)})

    np.testing.assert_array_equal(OnnxModel.from_bytes(data).background, background)


def test_a_file_of_an_earlier_release_has_no_background():
    assert OnnxModel.from_bytes(model_file()).background is None


def test_no_rows_give_no_probabilities():
    assert OnnxModel.from_bytes(model_file()).predict_probability(rows()).shape == (0,)


def test_threads_share_a_model():
    model = OnnxModel.from_bytes(model_file())

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda risk: float(model.predict_probability(rows(risk))[0]), np.arange(500)))

    assert answers == list(range(500))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a model",
        model_file()[:100],
        model_file(input_name="X"),
        model_file(output_name="label"),
        model_file(width=WIDTH - 1),
        model_file(classes=3),
        model_file(properties={}),
        model_file(properties=METADATA.properties() | {"encoding_digest": "another"}),
        model_file(properties=METADATA.properties() | {"background": "another"}),
    ],
    ids=[
        "empty",
        "no model",
        "cut off",
        "input",
        "output",
        "width",
        "classes",
        "no metadata",
        "encoding",
        "background",
    ],
)
def test_a_file_that_breaks_the_contract_is_refused(data):
    with pytest.raises(InvalidModel):
        OnnxModel.from_bytes(data)


def test_a_model_with_weights_in_another_file_is_refused(tmp_path):
    model = onnx.load_from_string(model_file())
    onnx.save(model, str(tmp_path / "m.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0)

    with pytest.raises(InvalidModel):
        OnnxModel.from_bytes((tmp_path / "m.onnx").read_bytes())


def test_rows_that_the_model_cannot_take_are_an_error_of_ours():
    model = OnnxModel.from_bytes(model_file())

    with pytest.raises(InvalidModel, match="cannot predict"):
        model.predict_probability(np.zeros((1, WIDTH + 1), dtype=np.float32))
