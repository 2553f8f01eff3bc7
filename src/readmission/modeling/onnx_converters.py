"""Converters for estimators that skl2onnx does not know or converts wrongly."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes as classifier_shape

from readmission.modeling.features import Log1p

__all__ = ["CLASSIFIER_OPTIONS", "LOG1P", "OnnxConverter", "classifier_shape"]

CLASSIFIER_OPTIONS: dict[str, list[Any]] = {"nocl": [True, False], "zipmap": [True, False, "columns"]}


@dataclass(frozen=True)
class OnnxConverter:
    """How skl2onnx exports one type of estimator; the arguments are those of ``update_registered_converter``.

    ``shape`` sets the types of the outputs of an operator. ``convert(scope, operator, container)`` adds its nodes.
    ``options``: the allowed values of each option that an export may set for this estimator.
    """

    estimator: type
    alias: str
    shape: Callable[[Any], None]
    convert: Callable[[Any, Any, Any], None]
    options: dict[str, list[Any]] | None = None

    def register(self) -> None:
        """Add the converter to skl2onnx's table, which all threads share; calling it again changes nothing."""
        update_registered_converter(self.estimator, self.alias, self.shape, self.convert, options=self.options)


def _log1p_shape(operator: Any) -> None:
    operator.outputs[0].type = FloatTensorType(operator.inputs[0].type.shape)


def _convert_log1p(scope: Any, operator: Any, container: Any) -> None:
    one, sum_ = scope.get_unique_variable_name("one"), scope.get_unique_variable_name("one_plus")
    container.add_initializer(one, TensorProto.FLOAT, [], [1.0])
    add, log = scope.get_unique_operator_name("Add"), scope.get_unique_operator_name("Log")
    container.add_node("Add", [operator.inputs[0].full_name, one], sum_, name=add)
    container.add_node("Log", sum_, operator.outputs[0].full_name, name=log)


LOG1P = OnnxConverter(Log1p, "ReadmissionLog1p", _log1p_shape, _convert_log1p)
