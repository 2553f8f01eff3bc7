"""Histogram gradient boosting of scikit-learn.

Hyperparameters were tuned by hand on the real encounters; ``bench/candidates.py`` shows what they give.
"""

from typing import Any

import numpy as np
from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_classifier
from sklearn.ensemble import HistGradientBoostingClassifier

from readmission.modeling.candidate import PIPELINE_TYPES, Candidate
from readmission.modeling.onnx_converters import CLASSIFIER_OPTIONS, OnnxConverter, classifier_shape
from readmission.modeling.preparation import for_trees


def _estimator(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=250,
        max_leaf_nodes=20,
        min_samples_leaf=40,
        max_features=0.5,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    )


class _PlainIntegers:
    """A wrapper of skl2onnx's container that converts integer-like node attributes to Python integers.

    skl2onnx 1.20 copies booleans and uint32 values of the trees into integer attributes, and onnx refuses them
    ("Expected an int, got a boolean").
    """

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *arguments: Any, **attributes: Any) -> None:
        """Add a node as the wrapped container does, with converted attributes."""
        plain = {name: _with_plain_integers(value) for name, value in attributes.items()}
        self._container.add_node(*arguments, **plain)


def _with_plain_integers(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [int(item) if isinstance(item, bool | np.bool_ | np.integer) else item for item in value]


def _convert(scope: Any, operator: Any, container: Any) -> None:
    convert_sklearn_random_forest_classifier(scope, operator, _PlainIntegers(container))


CANDIDATE = Candidate(
    prepare=for_trees,
    estimator=_estimator,
    trusted_types=(
        *PIPELINE_TYPES,
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    ),
    converters=(
        OnnxConverter(
            HistGradientBoostingClassifier,
            "SklearnHistGradientBoostingClassifier",
            classifier_shape,
            _convert,
            CLASSIFIER_OPTIONS | {"output_class_labels": [False, True], "raw_scores": [True, False]},
        ),
    ),
)
