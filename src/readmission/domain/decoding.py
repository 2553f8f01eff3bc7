"""Reads the numbers of ``domain.encoding`` back as clinical values, as a person reads them."""

import math
from collections.abc import Iterable

from readmission.domain.encoding import ICD9_GROUPS, TABLES
from readmission.domain.schema import FEATURES, Column, Kind

ClinicalValue = str | int | None

_VALUES = {name: {number: value for value, number in table.items()} for name, table in TABLES.items()}


def decode(row: Iterable[float]) -> dict[str, ClinicalValue]:
    """The clinical values of one encoded encounter, by feature name, as a model sees them.

    A diagnosis is its disease group, one of ``ICD9_GROUPS``. None is unknown. Raises ``KeyError`` for a number that
    :func:`readmission.domain.encoding.encode` does not give.
    """
    return {column.name: _value(column, float(number)) for column, number in zip(FEATURES, row, strict=True)}


def _value(column: Column, number: float) -> ClinicalValue:
    if math.isnan(number):
        return None
    if column.kind is Kind.NUMBER:
        return int(number)
    if column.kind is Kind.ICD9:
        return ICD9_GROUPS[int(number)]
    value = _VALUES[column.name][number]
    return value if isinstance(value, int) else str(value)
