"""Raw clinical values of one encounter to the numbers that a model takes.

The rules are fixed by the schema, nothing is fitted: a category becomes its position in the schema's list, a code
itself, an ICD-9 code its disease group, a number itself, and unknown becomes NaN. Training (``features``) and serving
use the same tables; ``ENCODING_DIGEST`` names them, and a model says with which digest it was trained.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from readmission.domain.schema import DOSES, FEATURES, Column, Kind

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
_ICD9 = re.compile(r"(?:V\d{2}(?:\.\d{1,2})?|E\d{3}(?:\.\d)?|\d{1,3}(?:\.\d{1,2})?)", re.ASCII)
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
    """The number of each value that a category or code may hold; values that say "unknown" are not in it."""
    known = [value for value in column.values if value not in column.unknown]
    if column.kind is Kind.CODE:
        return {value: float(value) for value in known}
    return {value: float(position) for position, value in enumerate(known)}


_GROUP_NUMBER = {group: float(position) for position, group in enumerate(ICD9_GROUPS)}
TABLES = {column.name: table(column) for column in FEATURES if column.kind in (Kind.CATEGORY, Kind.CODE)}
# a drug that nobody mentions was not given
DEFAULTS = {column.name: TABLES[column.name]["No"] for column in FEATURES if column.values == DOSES}

ENCODING_DIGEST = hashlib.sha256(
    json.dumps(
        [
            [[column.name, column.kind, TABLES.get(column.name), DEFAULTS.get(column.name)] for column in FEATURES],
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
    """Valid encounters (raw clinical values by feature name) to ``(n, len(FEATURES))`` float32; NaN: unknown."""
    return np.array([encode_one(encounter) for encounter in encounters], dtype=np.float32).reshape(-1, len(FEATURES))


def encode_one(encounter: Mapping[str, object]) -> list[float]:
    """One valid encounter to its row of numbers, in the order of ``FEATURES``."""
    get = encounter.get
    return [missing if (value := get(name)) is None else rule(value) for name, (rule, missing) in _RULES.items()]


def number(column: Column, value: object) -> float:
    """One valid value of a feature to its number; None: unknown, which for a drug means not given."""
    rule, missing = _RULES[column.name]
    return missing if value is None else rule(value)


def _rule(column: Column) -> Callable[[Any], float]:
    if column.kind is Kind.NUMBER:
        return float
    if column.kind is Kind.ICD9:
        return icd9_number
    # the bound method of a dict: a prediction looks up some forty of these
    return {**dict.fromkeys(column.unknown, UNKNOWN), **TABLES[column.name]}.__getitem__


_RULES = {column.name: (_rule(column), DEFAULTS.get(column.name, UNKNOWN)) for column in FEATURES}
