"""The probabilities of many encounters by every model of a snapshot."""

from collections.abc import Sequence

import numpy as np

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.tree_batches import BatchTables
from readmission.domain.feature_rows import POSITIONS, ROW_VALUES


class BatchScorer:
    """Predicts with a fixed tuple of models: by their tables if all have them, else in ONNX Runtime."""

    def __init__(self, models: Sequence[OnnxModel]) -> None:
        tables = [model.tables for model in models if model.tables is not None]
        self._tables = BatchTables(tables) if len(tables) == len(models) else None
        self._models = models

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Of ``(n, len(FIELDS))`` row numbers, n from 1: ``(models, n)`` float32, to the last bit as the model files.

        Raises :class:`InvalidModel` when a model cannot compute it.
        """
        if self._tables is not None:
            return self._tables.probabilities(rows)
        matrix = encoded(rows)
        return np.array([model.predict_probability(matrix) for model in self._models])


def encoded(rows: np.ndarray) -> np.ndarray:
    """The encounters with these row numbers as ``encoding.encode`` encodes them: ``(n, len(FEATURES))`` float32."""
    matrix = np.empty(rows.shape, np.float32)
    matrix[:, POSITIONS] = ROW_VALUES[rows]
    return matrix
