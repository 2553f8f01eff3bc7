"""From a request's body and the live models to the answer's bytes and the event for the log. It knows no transport."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from readmission.adapters.onnx_model import OnnxModel
from readmission.domain.model_file import ModelFileMetadata
from readmission.prediction.answer import AnswerForm, Source, Version
from readmission.prediction.encounter import Encounter, EncounterReader, Parse
from readmission.prediction.scoring import Scorer


class Model(Protocol):
    """A live model: the version, and its file in memory."""

    @property
    def version(self) -> Version:
        """The registered version."""

    @property
    def model(self) -> OnnxModel:
        """Its model."""

    @property
    def metadata(self) -> ModelFileMetadata:
        """The metadata of its file."""


class Answered(NamedTuple):
    """``body``: the answer as JSON. ``event``: the log's record as JSON on one line, with the names of
    ``PredictionRecord``; None without a log. ``probabilities``: by model."""

    body: bytes
    event: bytes | None
    probabilities: list[float]


class Predictor:
    """Answers requests. One object serves one thread: it keeps what it prepared for the last models."""

    def __init__(self, parse: Parse, *, logs: bool) -> None:
        """``parse``: the reader with every spelling and all problem documents. ``logs``: whether events are wanted."""
        self._reader = EncounterReader(parse)
        self._logs = logs
        self._prepared: _Prepared | None = None

    def answer(
        self,
        body: bytes,
        models: Sequence[Model],
        source: Source = "predict",
        patient_reference: str | None = None,
    ) -> Answered:
        """Answer one encounter with the risk by each of ``models``, the primary first; raises what ``parse`` raises.

        ``source`` and ``patient_reference`` are for the event only.
        """
        encounter = self._reader.read(body)
        prepared = self._prepared
        if prepared is None or prepared.models != models:
            prepared = self._prepared = _prepare(models)
        probabilities = prepared.scorer.probabilities(encounter)
        features = _features(body, encounter) if self._logs else None
        return Answered(*prepared.form.render(probabilities, features, source, patient_reference), probabilities)


class _Prepared(NamedTuple):
    models: Sequence[Model]
    scorer: Scorer
    form: AnswerForm


def _prepare(models: Sequence[Model]) -> _Prepared:
    scorer = Scorer([live.model for live in models])
    return _Prepared(models, scorer, AnswerForm([(live.version, live.metadata) for live in models]))


def _features(body: bytes, encounter: Encounter) -> bytes:
    """The values that were given, as JSON on one line: the body itself unless it has nulls or line feeds."""
    if encounter.as_sent and b"\n" not in body:
        return body
    return msgspec.json.encode(encounter.features())
