"""The model that a worker serves now: swapped as a whole, so that a request sees one model from start to end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.domain.encoding import UNKNOWN, encode_one
from readmission.domain.example import EXAMPLE
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import FEATURES, Kind
from readmission.errors import InvalidModel, ModelNotLoaded

RISK_BANDS = ("low", "medium", "high")


@dataclass(frozen=True)
class LiveModel:
    """A registered version with its model in memory; ``loaded_at`` in UTC."""

    version: ModelVersion
    model: OnnxModel
    loaded_at: datetime

    @property
    def metadata(self) -> ModelFileMetadata:
        return self.model.metadata

    def probabilities(self, matrix: np.ndarray) -> list[float]:
        """The probability of readmission of each row of a ``(n, len(FEATURES))`` float32 matrix."""
        probabilities: list[float] = self.model.predict_probability(matrix).tolist()
        return probabilities

    def prediction(self, probability: float) -> int:
        return int(probability >= self.metadata.threshold)

    def risk_band(self, probability: float) -> str:
        if probability < self.metadata.risk_band_medium:
            return "low"
        return "medium" if probability < self.metadata.risk_band_high else "high"


class ModelSlot:
    """Where the live model is. ``stale``: it is not known to be the one in production now."""

    def __init__(self) -> None:
        self.live: LiveModel | None = None
        self.stale = True

    def current(self) -> LiveModel:
        """Raises :class:`ModelNotLoaded` until there is one."""
        live = self.live
        if live is None:
            raise ModelNotLoaded("no model is loaded yet: none was promoted, or the model registry cannot be reached")
        return live


def smoke_test(model: OnnxModel) -> None:
    """Predict a few rows of very different kinds; raises :class:`InvalidModel` unless all give a probability."""
    rows = np.array(list(_smoke_rows()), dtype=np.float32)
    probabilities = model.predict_probability(rows)
    if probabilities.shape != (len(rows),) or not np.isfinite(probabilities).all():
        raise InvalidModel("the model does not give one finite number for each row")
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise InvalidModel("the model gives numbers that are no probabilities")


def _smoke_rows() -> Iterable[list[float]]:
    yield encode_one(EXAMPLE)
    yield encode_one({})
    yield [UNKNOWN] * len(FEATURES)
    for bound in ("low", "high"):
        yield [float(getattr(column, bound)) if column.kind is Kind.NUMBER else 0.0 for column in FEATURES]
