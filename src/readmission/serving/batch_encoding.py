"""Encode a batch, column by column, into the model's input matrix. Each distinct value is checked and encoded once."""

from typing import Any

import numpy as np

from readmission.domain.encoding import DERIVED_POSITIONS, UNKNOWN, derived_numbers, fill_derived, number
from readmission.domain.schema import FEATURES, Column
from readmission.serving.batch_formats import Batch
from readmission.serving.encounter import FieldProblem, check_value, contradiction_problems

Problems = dict[int, list[FieldProblem]]


def encode_batch(batch: Batch) -> tuple[np.ndarray, Problems]:
    """Return the float32 matrix ``(rows, len(FEATURES))`` of ``encoding.encode``, and the problems by row number.

    A refused value is NaN in the matrix. The caller must not predict a row that has a problem.
    """
    problems = dict(batch.problems)
    matrix = np.empty((batch.rows, len(FEATURES)), dtype=np.float32)
    for position, column in enumerate(FEATURES):
        matrix[:, position], refused = _encode_column(column, batch.values[column.name])
        for row, problem in refused.items():
            # a malformed row is reported once, without a problem for each of its fields
            if row not in batch.problems:
                problems.setdefault(row, []).append(problem)
    for row in _contradicting_rows(matrix):
        # a refused drug is NaN in the matrix, so what it determines is not known
        if row not in problems:
            encounter = {name: values[row] for name, values in batch.values.items()}
            problems[row] = contradiction_problems(encounter)
    return fill_derived(matrix), problems


def _contradicting_rows(matrix: np.ndarray) -> list[int]:
    told = matrix[:, DERIVED_POSITIONS]
    wrong = ~np.isnan(told) & (told != derived_numbers(matrix))
    return [int(row) for row in np.flatnonzero(wrong.any(axis=1))]


def _encode_column(column: Column, values: list[Any]) -> tuple[np.ndarray, dict[int, FieldProblem]]:
    # 1, 1.0 and True are the same dictionary key: in a column of mixed types, the key includes the type
    mixed = len(set(map(type, values)) - {type(None)}) > 1
    keys = [(value.__class__, value) for value in values] if mixed else values
    verdicts = {key: check_value(column, key[1] if mixed else key) for key in set(keys)}
    numbers = {
        key: UNKNOWN if problem else number(column, key[1] if mixed else key) for key, problem in verdicts.items()
    }
    encoded = np.fromiter(map(numbers.__getitem__, keys), np.float32, len(keys))
    if not any(verdicts.values()):
        return encoded, {}
    return encoded, {row: problem for row, key in enumerate(keys) if (problem := verdicts[key])}
