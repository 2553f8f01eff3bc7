"""What both transports of the Open Inference Protocol v2 share: models by their registered names, and inference.

Each horizon's model is a model of its own, with the features as inputs. An answer is for all rows: the protocol has no
partial one, so a bad row refuses the request.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version as version_of
from typing import Any, Protocol, TypeVar

import numpy as np

from readmission.adapters.database import PredictionRecord
from readmission.domain.horizon import HorizonName
from readmission.domain.schema import FEATURES
from readmission.errors import InvalidInput, ModelNotLoaded, NotFound
from readmission.prediction.place import Place
from readmission.prediction.tensors import BYTES, Tensor, columns_of, datatype, strings_to_bytes
from readmission.serving.answers import Source, complete, record, score
from readmission.serving.batch_encoding import Problems, encode_batch
from readmission.serving.batch_formats import Batch
from readmission.serving.live_model import LiveModel, ModelSlots
from readmission.serving.metrics import Metrics

SERVER_NAME, SERVER_VERSION = "readmission", version_of("readmission")
PLATFORM = "onnx_onnxv1"
OUTPUTS = {"probability": "FP32", "prediction": "INT64", "prediction_id": BYTES}
# a larger request is worked on beside the event loop, so that it does not hold up the others
SMALL_BYTES = 50_000
SHOWN_PROBLEMS = 10
_LAYOUTS = {"FP32": "<f4", "INT64": "<i8"}

T = TypeVar("T")


class RecordLog(Protocol):
    """Where the predictions are logged. It never fails."""

    async def write(self, records: list[PredictionRecord], /) -> None:
        """Log the records."""


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
    """An answer: the outputs that were asked for, and the records for the log."""

    live: LiveModel
    rows: int
    outputs: list[Output]
    records: list[PredictionRecord]

    @property
    def parameters(self) -> dict[str, Any]:
        """What is true of the model, for the answer's parameters."""
        facts = {name: value for name, value in self.live.facts.items() if name != "model_name"}
        return {**facts, "horizon": self.live.horizon, "digest": self.live.version.onnx_digest}


class OpenInference:
    """The models of a worker as the protocol sees them."""

    def __init__(
        self,
        slots: ModelSlots,
        models: Mapping[str, HorizonName],
        metrics: Metrics,
        log: RecordLog | None,
        *,
        max_rows: int,
        executor: Executor,
        place: Place,
    ) -> None:
        """``models``: the horizon of each registered model. ``executor`` and ``place``: for large requests."""
        self._slots = slots
        self._models = models
        self._metrics = metrics
        self._log = log
        self._max_rows = max_rows
        self._executor = executor
        self._place = place

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
        """Predict every row. ``asked``: the outputs, in their order; none means all.

        Raises what ``columns_of`` raises, and :class:`InvalidInput` for an output that is not one and for bad rows.
        """
        names = _outputs(asked)
        rows, columns = columns_of(tensors, self._max_rows)
        matrix, problems = encode_batch(Batch(rows, columns))
        if problems:
            raise _refusal(problems)
        scored = score((live,), matrix)
        self._metrics.predicted((live,), scored)
        outputs = [Output(name, [found[name] for found in scored]) for name in names]
        records = _records(live, columns, scored, source) if self._log is not None else []
        return Inferred(live, rows, outputs, records)

    def place(self, size: int) -> AbstractContextManager[None]:
        """A place for a request of ``size`` bytes; only a large one needs it, and is refused when none is free."""
        return self._place if size > SMALL_BYTES else nullcontext()

    async def run(self, size: int, work: Callable[[], T]) -> T:
        """The result of ``work`` on a request of ``size`` bytes."""
        if size <= SMALL_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def keep(self, inferred: Inferred) -> None:
        """Log the predictions of an answer."""
        if self._log is not None:
            await self._log.write(inferred.records)


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


def _records(
    live: LiveModel, columns: Mapping[str, list[Any]], scored: Sequence[Mapping[str, Any]], source: Source
) -> list[PredictionRecord]:
    encounters = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [record(complete((live,), one), its, source) for one, its in zip(scored, encounters, strict=True)]
