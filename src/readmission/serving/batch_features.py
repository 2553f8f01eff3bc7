"""What was given of each encounter of a batch, as JSON for the log."""

from typing import Any

import numpy as np
from pydantic_core import to_json

from readmission.domain.feature_rows import MEDICATION, SINGLE
from readmission.serving.batch_formats import Batch
from readmission.serving.table_columns import Cells


def given_features(batch: Batch, rows: list[int]) -> list[str]:
    """The known values of ``rows`` by feature name, as the members of a JSON object, without braces.

    The rows must be valid. Each distinct value is rendered once, and so is each combination of drugs.
    """
    columns = [_rendered(name, batch.cells[name], rows) for name in SINGLE]
    columns.append(_together([_rendered(name, batch.cells[name], rows) for name in MEDICATION]))
    texts = [list(map(words.__getitem__, codes.tolist())) for words, codes in columns]
    return ["".join(parts)[:-1] for parts in zip(*texts, strict=True)]


def _rendered(name: str, cells: Cells, rows: list[int]) -> tuple[list[str], np.ndarray]:
    codes = cells.codes[rows]
    # what a refused row said is not rendered
    used = np.bincount(codes, minlength=len(cells.words)).tolist()
    return [_member(name, word) if times else "" for word, times in zip(cells.words, used, strict=True)], codes


def _together(columns: list[tuple[list[str], np.ndarray]]) -> tuple[list[str], np.ndarray]:
    key, count = np.zeros(len(columns[0][1]), np.int64), 1
    for words, codes in columns:
        key, count = key * len(words) + codes, count * len(words)
        if count > 1 << 40:
            key = np.unique(key, return_inverse=True)[1]
            count = len(key)
    _, first, positions = np.unique(key, return_index=True, return_inverse=True)
    return ["".join([words[codes[row]] for words, codes in columns]) for row in first.tolist()], positions


def _member(name: str, value: Any) -> str:
    return "" if value is None else f'"{name}":{to_json(value).decode()},'
