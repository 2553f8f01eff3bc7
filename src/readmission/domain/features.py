"""The first step of every model's pipeline: clean encounters to the matrix of ``encoding``, many rows at once."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from readmission.domain.encoding import DEFAULTS, TABLES, icd9_number
from readmission.domain.schema import FEATURES, Column, Kind


class ClinicalEncoder(TransformerMixin, BaseEstimator):
    """Clean encounters (one column for each feature) to ``(n, len(FEATURES))`` float32, as ``encoding.encode`` does.

    Stateless: ``fit`` learns nothing.
    """

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        return np.column_stack([_encode_column(X[column.name], column) for column in FEATURES])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        return np.array([column.name for column in FEATURES], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _encode_column(values: "pd.Series[Any]", column: Column) -> np.ndarray:
    if column.kind is Kind.ICD9:
        codes = {code: icd9_number(str(code)) for code in values.dropna().unique()}
        return values.map(codes).to_numpy(dtype=np.float32, na_value=np.nan)
    if column.kind is Kind.NUMBER:
        return values.to_numpy(dtype=np.float32, na_value=np.nan)
    encoded = values.map(TABLES[column.name])
    if column.name in DEFAULTS:
        encoded = encoded.where(values.notna(), DEFAULTS[column.name])
    return encoded.to_numpy(dtype=np.float32, na_value=np.nan)
