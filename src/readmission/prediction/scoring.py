"""The probabilities of one encounter by every model of a snapshot, in one pass where the models have tables."""

from collections.abc import Sequence

import numpy as np

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.tree_tables import JoinedTables
from readmission.domain.feature_rows import POSITIONS, ROW_VALUES, SINGLE
from readmission.prediction.encounter import Encounter, Medication

_MAX_MEDICATIONS = 2048
_SINGLE_POSITIONS = list(POSITIONS[: len(SINGLE)])
_MEDICATION_POSITIONS = list(POSITIONS[len(SINGLE) :])


class Scorer:
    """Predicts with a fixed tuple of models. Not safe to share between threads."""

    def __init__(self, models: Sequence[OnnxModel]) -> None:
        tables = [model.tables for model in models if model.tables is not None]
        self._joined = JoinedTables(tables) if len(tables) == len(models) else None
        self._models = models
        self._kept: dict[Medication, np.ndarray] = {}

    def probabilities(self, encounter: Encounter) -> list[float]:
        """The probability of readmission (0 to 1) by each model: to the last bit what its model file gives."""
        if self._joined is None:
            matrix = encoded(encounter)
            return [float(model.predict_probability(matrix)[0]) for model in self._models]
        kept = self._joined.kept(np.array(encounter.rows))
        kept &= self._kept_of(self._joined, encounter.medication)
        return self._joined.probabilities(kept)

    def _kept_of(self, joined: JoinedTables, medication: Medication) -> np.ndarray:
        if (found := self._kept.get(medication)) is None:
            if len(self._kept) >= _MAX_MEDICATIONS:
                self._kept.clear()
            found = self._kept[medication] = joined.kept(medication.rows)
        return found


def encoded(encounter: Encounter) -> np.ndarray:
    """The encounter as ``encoding.encode`` encodes it: ``(1, len(FEATURES))`` float32."""
    matrix = np.empty((1, len(POSITIONS)), np.float32)
    matrix[0, _SINGLE_POSITIONS] = ROW_VALUES[encounter.rows]
    matrix[0, _MEDICATION_POSITIONS] = ROW_VALUES[encounter.medication.rows]
    return matrix
