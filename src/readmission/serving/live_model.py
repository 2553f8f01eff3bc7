"""The models that a worker serves, one for each horizon. Each is replaced in one step, and a request takes all at once.

This module knows no transport: it is what a prediction needs, however it was asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.domain.encoding import UNKNOWN, encode_one
from readmission.domain.example import EXAMPLE
from readmission.domain.horizon import HorizonName
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import FEATURES, Kind
from readmission.errors import InvalidModel, ModelNotLoaded, NotFound
from readmission.prediction.answer import model_facts


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

    @property
    def horizon(self) -> str:
        """What it predicts. It is the horizon of the slot that holds it."""
        return self.metadata.target

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The fields of a response that are the same for all encounters of this model."""
        return model_facts(self.version, self.metadata)


# the live model of each horizon that has one, the primary first; a request keeps them from start to end
LiveModels = tuple[LiveModel, ...]


class ModelSlot:
    """Holds the live model of a horizon. ``stale``: the live model may not be the current production version.

    ``refusal``: why the production version was refused at the last attempt; empty when it was not.
    """

    def __init__(self, horizon: HorizonName) -> None:
        self.horizon = horizon
        self.live: LiveModel | None = None
        self.stale = True
        self.refusal = ""

    def current(self) -> LiveModel:
        """The live model. Raises :class:`ModelNotLoaded` until one is loaded."""
        live = self.live
        if live is None:
            why = self.refusal or "none was promoted, or the model registry cannot be reached"
            raise ModelNotLoaded(f"no model of {self.horizon} is loaded yet: {why}")
        return live


class ModelSlots:
    """The slots of all horizons of this server, the primary first."""

    def __init__(self, horizons: Iterable[HorizonName]) -> None:
        self._slots = {horizon: ModelSlot(horizon) for horizon in horizons}
        self._current: LiveModels = ()

    def slot(self, horizon: HorizonName | None = None) -> ModelSlot:
        """The slot of a horizon, by default the primary. Raises :class:`NotFound` when the server does not have it."""
        if horizon is None:
            return next(iter(self._slots.values()))
        if horizon not in self._slots:
            raise NotFound(f"this server does not predict {horizon}, only: {', '.join(self._slots)}")
        return self._slots[horizon]

    def current(self) -> LiveModels:
        """The live model of each horizon that has one. Raises :class:`ModelNotLoaded` while the primary has none.

        It is the same tuple until one of them is replaced.
        """
        primary, *others = self._slots.values()
        models = (primary.current(), *[live for slot in others if (live := slot.live)])
        # compared by identity first, so this is cheap as long as nothing was replaced
        if models != self._current:
            self._current = models
        return self._current


def check_horizon(model: OnnxModel, horizon: HorizonName) -> None:
    """Raises :class:`InvalidModel` when a model predicts another horizon than the one that it is served for."""
    if model.metadata.target != horizon:
        raise InvalidModel(f"it predicts {model.metadata.target}, not {horizon}")


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
