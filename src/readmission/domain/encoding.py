"""Encodes the clinical values of an encounter as numbers for a model.

The schema fixes the rules; nothing is fitted. A feature that is left out has its default, or the value that the drugs
determine; otherwise it is unknown. A category becomes its position in the schema's list, and an ICD-9 code
the position of its disease group. Codes and numbers keep their value. Unknown becomes NaN. Training and serving use
the same tables. ``ENCODING_DIGEST`` identifies them, and a model file holds the digest that it was trained with.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from readmission.domain.medication import DERIVED, DRUG_FEATURES, medication, medication_numbers
from readmission.domain.schema import DOSES, FEATURE_NAMES, FEATURES, Column, Kind

UNKNOWN = float("nan")

ICD9_GROUPS = (
    "other",
    "circulatory",
    "respiratory",
    "digestive",
    "diabetes",
    "injury",
    "musculoskeletal",
    "genitourinary",
    "neoplasms",
)
ICD9_PATTERN = r"(?:V[0-9]{2}(?:\.[0-9]{1,2})?|E[0-9]{3}(?:\.[0-9])?|[0-9]{1,3}(?:\.[0-9]{1,2})?)"
_ICD9 = re.compile(ICD9_PATTERN)
_ICD9_RANGES = (
    (390, 459, "circulatory"),
    (460, 519, "respiratory"),
    (520, 579, "digestive"),
    (800, 999, "injury"),
    (710, 739, "musculoskeletal"),
    (580, 629, "genitourinary"),
    (140, 239, "neoplasms"),
    (785, 785, "circulatory"),
    (786, 786, "respiratory"),
    (787, 787, "digestive"),
    (788, 788, "genitourinary"),
    (250, 250, "diabetes"),
)


def is_icd9(code: str) -> bool:
    """Whether ``code`` has the form of an ICD-9-CM diagnosis (``428``, ``250.83``, ``V57``, ``E885``)."""
    return len(code) <= 6 and _ICD9.fullmatch(code) is not None


@lru_cache(maxsize=4096)
def icd9_group(code: str) -> str:
    """The disease group of an ICD-9-CM code, one of ``ICD9_GROUPS``.

    Groups: Strack et al. 2014, table 2. V and E codes belong to ``other``.
    """
    if not code[:1].isdigit():
        return "other"
    chapter = int(code.split(".")[0])
    for low, high, group in _ICD9_RANGES:
        if low <= chapter <= high:
            return group
    return "other"


def table(column: Column) -> dict[object, float]:
    """The number of each valid value of a category or code. Values that mean "unknown" are left out."""
    known = [value for value in column.values if value not in column.unknown]
    if column.kind is Kind.CODE:
        return {value: float(value) for value in known}
    return {value: float(position) for position, value in enumerate(known)}


_GROUP_NUMBER = {group: float(position) for position, group in enumerate(ICD9_GROUPS)}
TABLES = {column.name: table(column) for column in FEATURES if column.kind in (Kind.CATEGORY, Kind.CODE)}
DEFAULTS = {column.name: TABLES[column.name][column.default] for column in FEATURES if column.default}
DERIVED_POSITIONS = [FEATURE_NAMES.index(name) for name in DERIVED]
_DRUG_POSITIONS = [FEATURE_NAMES.index(name) for name in DRUG_FEATURES]

# Of the defaults, the digest covers only the drugs'. Training never leaves out a test or a derived feature, so their
# defaults change no number that a model was trained on, and the models in the registry stay valid.
_DIGESTED_DEFAULTS = {column.name: DEFAULTS[column.name] for column in FEATURES if column.values == DOSES}
ENCODING_DIGEST = hashlib.sha256(
    json.dumps(
        [
            [
                [column.name, column.kind, TABLES.get(column.name), _DIGESTED_DEFAULTS.get(column.name)]
                for column in FEATURES
            ],
            ICD9_GROUPS,
            _ICD9_RANGES,
        ]
    ).encode()
).hexdigest()


@lru_cache(maxsize=4096)
def icd9_number(code: str) -> float:
    """The position of a code's disease group in ``ICD9_GROUPS``."""
    return _GROUP_NUMBER[icd9_group(code)]


def encode(encounters: list[Mapping[str, object]]) -> np.ndarray:
    """Encode valid encounters (clinical values by feature name) as ``(n, len(FEATURES))`` float32. NaN is unknown."""
    return np.array([encode_one(encounter) for encounter in encounters], dtype=np.float32).reshape(-1, len(FEATURES))


def encode_one(encounter: Mapping[str, object]) -> list[float]:
    """Encode one valid encounter as a row of numbers, in the order of ``FEATURES``."""
    get = encounter.get
    row = [missing if (value := get(name)) is None else rule(value) for name, (rule, missing) in _RULES.items()]
    for name, position, value in zip(DERIVED, DERIVED_POSITIONS, medication(encounter), strict=True):
        if get(name) is None:
            row[position] = TABLES[name][value]
    return row


def derived_numbers(matrix: np.ndarray) -> np.ndarray:
    """The encoded values of ``DERIVED`` by the drugs of an encoded ``matrix``: ``(n, len(FEATURES))`` to ``(n, 2)``."""
    return medication_numbers(matrix[:, _DRUG_POSITIONS])


def fill_derived(matrix: np.ndarray) -> np.ndarray:
    """Fill in the derived features of an encoded ``matrix`` where they are NaN, in place. Returns the matrix."""
    told = matrix[:, DERIVED_POSITIONS]
    matrix[:, DERIVED_POSITIONS] = np.where(np.isnan(told), derived_numbers(matrix), told)
    return matrix


def number(column: Column, value: object) -> float:
    """Encode one valid value of a feature. None is the feature's default, or unknown.

    A derived feature needs the drugs as well: see :func:`fill_derived`.
    """
    rule, missing = _RULES[column.name]
    return missing if value is None else rule(value)


def _rule(column: Column) -> Callable[[Any], float]:
    if column.kind is Kind.NUMBER:
        return float
    if column.kind is Kind.ICD9:
        return icd9_number
    # the bound method of a dict is fast, and a prediction calls about forty of these rules
    return {**dict.fromkeys(column.unknown, UNKNOWN), **TABLES[column.name]}.__getitem__


_RULES = {column.name: (_rule(column), DEFAULTS.get(column.name, UNKNOWN)) for column in FEATURES}
