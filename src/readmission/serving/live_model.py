"""The model that a worker serves. It is replaced in one step, so a request uses the same model from start to end."""

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
    """A registered version with its model in memory. ``loaded_at`` is in UTC."""

    version: ModelVersion
    model: OnnxModel
    loaded_at: datetime

    @property
    def metadata(self) -> ModelFileMetadata:
        """The metadata stored in the model file."""
        return self.model.metadata

    def probabilities(self, matrix: np.ndarray) -> list[float]:
        """The probability of readmission of each row of a ``(n, len(FEATURES))`` float32 matrix."""
        probabilities: list[float] = self.model.predict_probability(matrix).tolist()
        return probabilities

    def prediction(self, probability: float) -> int:
        """1 (readmission) when ``probability`` (0 to 1) is at least the model's threshold, 0 otherwise."""
        return int(probability >= self.metadata.threshold)

    def risk_band(self, probability: float) -> str:
        """The band of ``RISK_BANDS`` for a probability (0 to 1). Each limit belongs to the band above it."""
        if probability < self.metadata.risk_band_medium:
            return "low"
        return "medium" if probability < self.metadata.risk_band_high else "high"


class ModelSlot:
    """Holds the live model. ``stale`` is True when the live model may not be the current production version.

    ``refusal``: why the production version was refused at the last attempt; empty when it was not.
    """

    def __init__(self) -> None:
        self.live: LiveModel | None = None
        self.stale = True
        self.refusal = ""

    def current(self) -> LiveModel:
        """The live model. Raises :class:`ModelNotLoaded` until one is loaded."""
        live = self.live
        if live is None:
            why = self.refusal or "none was promoted, or the model registry cannot be reached"
            raise ModelNotLoaded(f"no model is loaded yet: {why}")
        return live


def smoke_test(model: OnnxModel) -> None:
    """Predict a few very different rows. Raises :class:`InvalidModel` unless every result is a probability."""
    rows = np.array(list(_smoke_rows()), dtype=np.float32)
    probabilities = model.predict_probability(rows)
    if probabilities.shape != (len(rows),) or not np.isfinite(probabilities).all():
        raise InvalidModel("the model does not give one finite number for each row")
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise InvalidModel("the model gives numbers outside 0 to 1")


def _smoke_rows() -> Iterable[list[float]]:
    yield encode_one(EXAMPLE)
    yield encode_one({})
    yield [UNKNOWN] * len(FEATURES)
    for bound in ("low", "high"):
        yield [float(getattr(column, bound)) if column.kind is Kind.NUMBER else 0.0 for column in FEATURES]
