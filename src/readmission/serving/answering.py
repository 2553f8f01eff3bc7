"""One encounter: answered, logged and counted. Every route that answers one encounter answers it here."""

from collections.abc import Callable, Sequence
from typing import Protocol

from readmission.errors import ModelNotLoaded
from readmission.prediction.answer import Source
from readmission.prediction.encounter import Parse
from readmission.prediction.patient_reference import PatientReferences
from readmission.prediction.predict import Model, Predictor
from readmission.serving.tally import Tally


class EventLog(Protocol):
    """Where the events go. It never fails and never waits."""

    def append(self, event: bytes, /) -> object:
        """Write one event, JSON on one line without its line feed."""


class Answering:
    """Belongs to one thread, that of the event loop. Without a ``log``, predictions are not logged."""

    def __init__(
        self,
        parse: Parse,
        models: Callable[[], Sequence[Model]],
        tally: Tally,
        *,
        log: EventLog | None = None,
        references: PatientReferences | None = None,
    ) -> None:
        """``models`` gives the live models, the primary first, or raises :class:`ModelNotLoaded`."""
        self._parse = parse
        self._models = models
        self._predict = Predictor(parse, logs=log is not None).answer
        self._tally = tally
        self._log = log
        self._references = references or PatientReferences(None)

    def answer(
        self,
        body: bytes,
        reference: bytes | None = None,
        source: Source = "predict",
        models: Sequence[Model] | None = None,
    ) -> bytes:
        """The answer to an encounter, as JSON. ``reference``: the caller's to the patient; ``models``: else those live.

        Raises what the parser, the models and ``PatientReferences.hashed`` raise. Then nothing is logged or counted.
        """
        models = models or self._live(body)
        hashed = None if reference is None else self._references.hashed(reference)
        answered = self._predict(body, models, source, hashed)
        if self._log is not None and answered.event is not None:
            self._log.append(answered.event)
        self._tally.predicted(models, answered.probabilities)
        return answered.body

    def _live(self, body: bytes) -> Sequence[Model]:
        try:
            return self._models()
        except ModelNotLoaded:
            # what is wrong with the body comes first: waiting for a model would not mend it
            self._parse(body)
            raise
