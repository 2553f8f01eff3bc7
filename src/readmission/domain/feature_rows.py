"""A row number for each number that a valid value of a feature is encoded as; the last row of a feature is for NaN.

A model's tables (``adapters.tree_tables``) have these rows, and an encounter is looked up in them. The features are in
the order of ``FIELDS``, which ends with those that are looked up together.
"""

import numpy as np

from readmission.domain.encoding import ICD9_GROUPS, TABLES
from readmission.domain.medication import DERIVED, DRUG_FEATURES
from readmission.domain.schema import COLUMN, FEATURE_NAMES, Column, Kind

MEDICATION = (*DRUG_FEATURES, *DERIVED)
SINGLE = tuple(name for name in FEATURE_NAMES if name not in MEDICATION)
FIELDS = (*SINGLE, *MEDICATION)
# of each field, its position in FEATURES
POSITIONS = tuple(FEATURE_NAMES.index(name) for name in FIELDS)


def encoded_values(column: Column) -> np.ndarray:
    """Every number that a valid value of a feature may be encoded as, ascending, with NaN at the end (float32)."""
    if column.kind is Kind.NUMBER:
        found = [float(value) for value in range(column.low, column.high + 1)]
    elif column.kind is Kind.ICD9:
        found = [float(position) for position in range(len(ICD9_GROUPS))]
    else:
        found = sorted(set(TABLES[column.name].values()))
    return np.array([*found, np.nan], np.float32)


VALUES = tuple(encoded_values(COLUMN[name]) for name in FIELDS)
FIRST_ROWS: tuple[int, ...] = tuple(np.cumsum([0, *map(len, VALUES)])[:-1].tolist())
# the number that each row stands for
ROW_VALUES = np.concatenate(VALUES)


def row_of(field: int, encoded: float) -> int:
    """The row of an encoded value of ``FIELDS[field]``; raises ``ValueError`` for one that no valid value has."""
    values = VALUES[field]
    offset = len(values) - 1 if np.isnan(encoded) else int(np.searchsorted(values, np.float32(encoded)))
    if not np.isnan(encoded) and values[offset] != np.float32(encoded):
        raise ValueError(f"{FIELDS[field]} is never encoded as this number")
    return FIRST_ROWS[field] + offset
