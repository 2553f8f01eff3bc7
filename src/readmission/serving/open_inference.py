"""What both transports of the Open Inference Protocol v2 share: models by their registered names, and inference.

Each horizon's model is a model of its own, with the features as inputs. An answer is for all rows: the protocol has no
partial one, so a bad row refuses the request.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version as version_of
from typing import Any, TypeVar

import numpy as np

from readmission.domain.horizon import HorizonName
from readmission.domain.schema import FEATURES
from readmission.errors import InvalidInput, ModelNotLoaded, NotFound
from readmission.prediction.answer import Source
from readmission.prediction.batch_answer import BatchForm, Scored, prediction_ids
from readmission.prediction.batch_scoring import BatchScorer
from readmission.prediction.place import Place
from readmission.prediction.tensors import BYTES, Tensor, columns_of, datatype, strings_to_bytes
from readmission.serving.batch_encoding import Problems, encode_batch
from readmission.serving.batch_features import given_features
from readmission.serving.batch_formats import Batch
from readmission.serving.live_model import LiveModel
from readmission.serving.predict import Predicting
from readmission.serving.predict_batch import Batches
from readmission.serving.table_columns import coded

SERVER_NAME, SERVER_VERSION = "readmission", version_of("readmission")
PLATFORM = "onnx_onnxv1"
OUTPUTS = {"probability": "FP32", "prediction": "INT64", "prediction_id": BYTES}
# a larger request is worked on beside the event loop, so that it does not hold up the others
SMALL_BYTES = 50_000
SHOWN_PROBLEMS = 10
_LAYOUTS = {"FP32": "<f4", "INT64": "<i8"}

T = TypeVar("T")


@dataclass(frozen=True)
class Output:
    """One tensor of an answer: ``values`` has one for each row."""

    name: str
    values: list[Any]

    @property
    def datatype(self) -> str:
        """The protocol's datatype."""
        return OUTPUTS[self.name]

    def to_bytes(self) -> bytes:
        """The values in the protocol's binary layout."""
        if self.datatype == BYTES:
            return strings_to_bytes(self.values)
        return np.array(self.values, _LAYOUTS[self.datatype]).tobytes()


@dataclass(frozen=True)
class Inferred:
    """An answer: the outputs that were asked for."""

    live: LiveModel
    rows: int
    outputs: list[Output]

    @property
    def parameters(self) -> dict[str, Any]:
        """What is true of the model, for the answer's parameters."""
        facts = {name: value for name, value in self.live.facts.items() if name != "model_name"}
        return {**facts, "horizon": self.live.horizon, "digest": self.live.version.onnx_digest}


class OpenInference:
    """The models of a worker as the protocol sees them."""

    def __init__(
        self, predicting: Predicting, models: Mapping[str, HorizonName], batches: Batches, place: Place
    ) -> None:
        """``models``: the horizon of each registered model. ``place``: for large requests, in the thread of batches."""
        self._predicting = predicting
        self._slots = predicting.slots
        self._models = models
        self._batches = batches
        self._place = place
        self._prepared: dict[str, tuple[LiveModel, BatchScorer, BatchForm]] = {}

    def ready(self) -> bool:
        """Whether the primary model is loaded, as ``GET /ready`` says it."""
        return self._slots.slot().live is not None

    def model(self, name: str, version: str | None = None) -> LiveModel:
        """The live model of a name; a version must be the live one.

        Raises :class:`NotFound` for another name or version, and :class:`ModelNotLoaded`.
        """
        if name not in self._models:
            raise NotFound(f"there is no model of this name; the models are: {', '.join(self._models)}")
        live = self._slots.slot(self._models[name]).current()
        if version and version != live.version.version:
            raise NotFound(f"this version of {name} is not served; the live one is {live.version.version}")
        return live

    def model_ready(self, name: str, version: str | None = None) -> bool:
        """Whether a version is live. Raises :class:`NotFound` as :meth:`model` does."""
        try:
            self.model(name, version)
        except ModelNotLoaded:
            return False
        return True

    def infer(self, live: LiveModel, tensors: Sequence[Tensor], asked: Sequence[str], source: Source) -> Inferred:
        """Predict every row, and log it if there is a log. ``asked``: the outputs, in their order; none means all.

        Raises what ``columns_of`` raises, and :class:`InvalidInput` for an output that is not one and for bad rows.
        """
        names = _outputs(asked)
        rows, columns = columns_of(tensors, self._predicting.max_batch_rows)
        batch = Batch(rows, {name: coded(values) for name, values in columns.items()})
        numbers, problems = encode_batch(batch)
        if problems:
            raise _refusal(problems)
        scorer, form = self._prepare(live)
        probabilities = scorer.probabilities(numbers)
        self._predicting.metrics.predicted_many(live, probabilities[0])
        ids = prediction_ids(rows, time.time_ns() // 1_000_000)
        if self._predicting.log is not None:
            scored = Scored(range(rows), probabilities, given_features(batch, list(range(rows))))
            self._predicting.log.append_many(form.events(ids, scored, source))
        found = _found(live, probabilities[0], ids)
        return Inferred(live, rows, [Output(name, found[name]) for name in names])

    def held(self, size: int) -> ExitStack:
        """What a request of ``size`` bytes holds: a large one has a place, and is refused when none is free."""
        held = ExitStack()
        if size > SMALL_BYTES:
            held.enter_context(self._place)
        return held

    async def run(self, held: ExitStack, size: int, work: Callable[[], T]) -> T:
        """The result of ``work`` on a request of ``size`` bytes; ``held`` is closed when a large one is done."""
        if size <= SMALL_BYTES:
            return work()
        try:
            return await self._batches.run(held, work)
        finally:
            # also when refused, as after a batch
            self._batches.memory.after_batch()

    def _prepare(self, live: LiveModel) -> tuple[BatchScorer, BatchForm]:
        kept = self._prepared.get(live.horizon)
        if kept is None or kept[0] is not live:
            kept = live, BatchScorer([live.model]), BatchForm([(live.version, live.metadata)])
            self._prepared[live.horizon] = kept
        return kept[1:]


def metadata(live: LiveModel) -> dict[str, Any]:
    """The model's metadata: its inputs and outputs, with -1 for any number of rows."""
    inputs = [(column.name, datatype(column)) for column in FEATURES]
    return {
        "name": live.version.name,
        "versions": [live.version.version],
        "platform": PLATFORM,
        "inputs": [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in inputs],
        "outputs": [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in OUTPUTS.items()],
    }


def _outputs(asked: Sequence[str]) -> Sequence[str]:
    if any(name not in OUTPUTS for name in asked) or len(set(asked)) < len(asked):
        raise InvalidInput(f"each output must be asked for once, and be one of: {', '.join(OUTPUTS)}")
    return asked or list(OUTPUTS)


def _refusal(problems: Problems) -> InvalidInput:
    found = [
        f"row {row}, {problem['field']}: {problem['message']}" for row in sorted(problems) for problem in problems[row]
    ]
    more = f"; and {len(found) - SHOWN_PROBLEMS} more" if len(found) > SHOWN_PROBLEMS else ""
    return InvalidInput("; ".join(found[:SHOWN_PROBLEMS]) + more)


def _found(live: LiveModel, probabilities: np.ndarray, ids: list[str]) -> dict[str, list[Any]]:
    """The values of each output."""
    # as in the other answers, the threshold is compared in float64
    values = probabilities.astype(np.float64)
    predictions = (values >= live.metadata.threshold).astype(int)
    return {"probability": values.tolist(), "prediction": predictions.tolist(), "prediction_id": ids}
