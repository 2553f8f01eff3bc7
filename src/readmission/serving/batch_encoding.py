"""Looks up a batch, column by column, in the feature rows. Each distinct value is checked and looked up once."""

from functools import lru_cache
from typing import Any

import numpy as np

from readmission.domain.encoding import number
from readmission.domain.feature_rows import FIELDS, FIRST_ROWS, ROW_VALUES, VALUES, row_of
from readmission.domain.medication import DERIVED, DRUG_FEATURES, medication_numbers
from readmission.domain.schema import COLUMN, FEATURE_NAMES
from readmission.serving.batch_formats import Batch
from readmission.serving.encounter import FieldProblem, check_value, contradiction_problems

Problems = dict[int, list[FieldProblem]]

# a longer text is no valid value, and must not be kept
_MAX_KEPT = 64
_DRUGS = [FIELDS.index(name) for name in DRUG_FEATURES]
_DERIVED = [FIELDS.index(name) for name in DERIVED]
_DERIVED_FIRST = np.array([FIRST_ROWS[field] for field in _DERIVED])
_DERIVED_UNKNOWN = _DERIVED_FIRST + [len(VALUES[field]) - 1 for field in _DERIVED]


def encode_batch(batch: Batch) -> tuple[np.ndarray, Problems]:
    """Return the row numbers ``(rows, len(FIELDS))`` of ``domain.feature_rows``, and the problems by row of the batch.

    A refused value has the row of NaN. The caller must not predict a row that has a problem.
    """
    problems = dict(batch.problems)
    found = np.empty((len(FIELDS), batch.rows), np.int64)
    # problems are told in the order of the features
    for name in FEATURE_NAMES:
        field = FIELDS.index(name)
        words, codes = batch.cells[name]
        verdicts = [_look_up(field, word) for word in words]
        rows = np.array([verdict[0] for verdict in verdicts], np.int64)
        found[field] = rows[codes]
        _tell(batch, problems, [verdict[1] for verdict in verdicts], codes)
    _derive(batch, found, problems)
    return found.T, problems


def _tell(batch: Batch, problems: Problems, verdicts: list[FieldProblem | None], codes: np.ndarray) -> None:
    bad = [code for code, problem in enumerate(verdicts) if problem]
    for row in np.flatnonzero(np.isin(codes, bad)).tolist() if bad else ():
        # a malformed row is reported once, without a problem for each of its fields
        if row not in batch.problems and (problem := verdicts[codes[row]]):
            problems.setdefault(row, []).append(problem)


def _derive(batch: Batch, found: np.ndarray, problems: Problems) -> None:
    """Fill in what the drugs determine where it is not known, and report where it is something else."""
    expected = (medication_numbers(ROW_VALUES[found[_DRUGS]].T) + _DERIVED_FIRST).T
    told = found[_DERIVED]
    unknown = told == _DERIVED_UNKNOWN[:, None]
    for row in np.flatnonzero((~unknown & (told != expected)).any(axis=0)).tolist():
        # a refused drug is NaN, so what it determines is not known
        if row not in problems:
            problems[row] = contradiction_problems({name: batch.value(name, row) for name in FEATURE_NAMES})
    found[_DERIVED] = np.where(unknown, expected, told)


def _look_up(field: int, word: Any) -> tuple[int, FieldProblem | None]:
    kept = not isinstance(word, str) or len(word) <= _MAX_KEPT
    return _kept_look_up(field, word) if kept else _check(field, word)


def _check(field: int, word: Any) -> tuple[int, FieldProblem | None]:
    column = COLUMN[FIELDS[field]]
    problem = check_value(column, word)
    return row_of(field, float("nan") if problem else number(column, word)), problem


# typed: 1, 1.0 and True are the same key otherwise
_kept_look_up = lru_cache(maxsize=16384, typed=True)(_check)
