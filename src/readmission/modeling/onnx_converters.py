"""Converters that skl2onnx lacks or that fail: LightGBM, histogram gradient boosting, and ``Log1p``."""

from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from onnx import TensorProto
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_classifier
from sklearn.ensemble import HistGradientBoostingClassifier

from readmission.modeling.features import Log1p

_CLASSIFIER_OPTIONS = {"nocl": [True, False], "zipmap": [True, False, "columns"]}


def register_converters() -> None:
    """Tell skl2onnx about ours; its table is global to the process, and doing it twice is as once."""
    update_registered_converter(
        LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options=_CLASSIFIER_OPTIONS,
    )
    update_registered_converter(
        HistGradientBoostingClassifier,
        "SklearnHistGradientBoostingClassifier",
        calculate_linear_classifier_output_shapes,
        _convert_hist_gradient_boosting,
        options=_CLASSIFIER_OPTIONS | {"output_class_labels": [False, True], "raw_scores": [True, False]},
    )
    update_registered_converter(Log1p, "ReadmissionLog1p", _log1p_shape, _convert_log1p)


class _PlainIntegers:
    """A container of skl2onnx whose nodes get Python integers.

    skl2onnx 1.20 copies the trees of histogram gradient boosting into node attributes as they are, with Python and
    numpy booleans and uint32 among the integers; onnx refuses these ("Expected an int, got a boolean").
    """

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *arguments: Any, **attributes: Any) -> None:
        plain = {name: _with_plain_integers(value) for name, value in attributes.items()}
        self._container.add_node(*arguments, **plain)


def _with_plain_integers(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [int(item) if isinstance(item, bool | np.bool_ | np.integer) else item for item in value]


def _convert_hist_gradient_boosting(scope: Any, operator: Any, container: Any) -> None:
    convert_sklearn_random_forest_classifier(scope, operator, _PlainIntegers(container))


def _log1p_shape(operator: Any) -> None:
    operator.outputs[0].type = FloatTensorType(operator.inputs[0].type.shape)


def _convert_log1p(scope: Any, operator: Any, container: Any) -> None:
    one, sum_ = scope.get_unique_variable_name("one"), scope.get_unique_variable_name("one_plus")
    container.add_initializer(one, TensorProto.FLOAT, [], [1.0])
    add, log = scope.get_unique_operator_name("Add"), scope.get_unique_operator_name("Log")
    container.add_node("Add", [operator.inputs[0].full_name, one], sum_, name=add)
    container.add_node("Log", sum_, operator.outputs[0].full_name, name=log)
