"""The encoder of clean encounters, which is the first step of every pipeline, and the log1p transformer."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from readmission.domain.encoding import DEFAULTS, TABLES, fill_derived, icd9_number
from readmission.domain.schema import FEATURES, Column, Kind


class ClinicalEncoder(TransformerMixin, BaseEstimator):
    """Clean encounters (one column for each feature) to ``(n, len(FEATURES))`` float32, as ``encoding.encode`` does.

    Stateless: ``fit`` learns nothing.
    """

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Return the encoder unchanged, since the schema fixes the encoding."""
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """``n`` clean encounters to ``(n, len(FEATURES))`` float32; NaN is unknown. Other columns are ignored."""
        return fill_derived(np.column_stack([_encode_column(X[column.name], column) for column in FEATURES]))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """The names of the matrix's columns; ``input_features`` is ignored."""
        return np.array([column.name for column in FEATURES], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class Log1p(TransformerMixin, BaseEstimator):
    """``log(1 + x)`` of each value: counts of visits are skewed, and their logarithm is closer to linear in the risk.

    Stateless. Scikit-learn's ``FunctionTransformer`` is not used because it has no ONNX export.
    """

    def fit(self, X: np.ndarray, y: object = None) -> Self:
        """Store the number of columns, as scikit-learn's estimators do."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """``log(1 + x)`` of each value, in the shape of ``X``; values must be above -1."""
        return np.asarray(np.log1p(X))

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _encode_column(values: pd.Series, column: Column) -> np.ndarray:
    encoded = values if column.kind is Kind.NUMBER else values.map(_numbers(values, column))
    if column.name in DEFAULTS:
        encoded = encoded.where(values.notna(), DEFAULTS[column.name])
    return np.asarray(encoded.to_numpy(dtype=np.float32, na_value=np.nan))


def _numbers(values: pd.Series, column: Column) -> dict[object, float]:
    if column.kind is Kind.ICD9:
        return {code: icd9_number(code) for code in values.dropna().unique()}
    return TABLES[column.name]
