"""The bytes of an answer and of its event in the log. What does not change between answers is rendered once a model."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol

from pydantic_core import to_json

from readmission.domain.model_file import ModelFileMetadata

# the route that answered
Source = Literal["predict", "predict_batch", "explain", "oip_rest", "oip_grpc"]
RISK_BANDS = ("low", "medium", "high")
# below it, JSON and Python write a number in different ways
_PLAIN = 1e-4


class Version(Protocol):
    """What an answer says of a registered version."""

    @property
    def name(self) -> str:
        """The registered model's name."""

    @property
    def version(self) -> str:
        """The version's number."""


def model_facts(version: Version, metadata: ModelFileMetadata) -> dict[str, object]:
    """The fields of an answer that are the same for all encounters of a model."""
    return {
        "threshold": metadata.threshold,
        "calibrated": metadata.calibrated,
        "data_source": metadata.data_source,
        "model_name": version.name,
        "model_version": version.version,
    }


class AnswerForm:
    """The answers of a tuple of models, the primary first."""

    def __init__(self, models: Sequence[tuple[Version, ModelFileMetadata]]) -> None:
        self._risks = [_RiskForm(version, metadata) for version, metadata in models]
        self._second, self._time = 0, ""

    def render(
        self,
        probabilities: Sequence[float],
        features: bytes | None,
        source: Source = "predict",
        patient_reference: str | None = None,
    ) -> tuple[bytes, bytes | None]:
        """The answer, and its event when ``features`` are given: those of the encounter as a JSON object on one line.

        ``probabilities``: one for each model, 0 to 1. ``patient_reference``: as hexadecimal digits; only the event has
        it.
        """
        nanoseconds = time.time_ns()
        name = prediction_id(nanoseconds)
        numbers = [repr(p) if p >= _PLAIN else to_json(p).decode() for p in probabilities]
        parts = zip(self._risks, probabilities, numbers, strict=True)
        risks = ",".join([f"{form.head}{number}{form.ends[form.at(p)]}" for form, p, number in parts])
        primary = self._risks[0]
        score, facts = primary.scores[primary.at(probabilities[0])], primary.facts
        answer = f'{{"prediction_id":"{name}",{score[0]}{numbers[0]}{score[1]},"risks":[{risks}],{facts}}}'
        if features is None:
            return answer.encode(), None
        reference = "" if patient_reference is None else f'"patient_reference":"{patient_reference}",'
        event = (
            f'{{"prediction_id":"{name}","created_at":"{self._iso(nanoseconds)}",{score[0]}{numbers[0]},'
            f'{primary.logged},"risks":[{risks}],"source":"{source}",{reference}"features":'
        )
        return answer.encode(), b"%b%b}" % (event.encode(), features)

    def _iso(self, nanoseconds: int) -> str:
        second, rest = divmod(nanoseconds, 1_000_000_000)
        if second != self._second:
            self._second, self._time = second, f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
        return f"{self._time}.{rest // 1000:06d}Z"


class ModelTexts:
    """What every answer and event says of one model, as members of a JSON object; ``head`` begins its risk."""

    def __init__(self, version: Version, metadata: ModelFileMetadata) -> None:
        facts = model_facts(version, metadata)
        self.facts = members(facts)
        self.logged = members({name: facts[name] for name in ("threshold", "model_name", "model_version")})
        self.horizon = members({"horizon": metadata.target})
        self.head = f'{{{self.horizon},"probability":'


class _RiskForm(ModelTexts):
    """The texts around one model's probability. ``at`` gives the index of those that fit it."""

    def __init__(self, version: Version, metadata: ModelFileMetadata) -> None:
        super().__init__(version, metadata)
        self._threshold = metadata.threshold
        self._medium, self._high = metadata.risk_band_medium, metadata.risk_band_high
        outcomes = [(prediction, band) for prediction in (0, 1) for band in RISK_BANDS]
        self.ends = [f',"prediction":{given},"risk_band":"{band}",{self.facts}}}' for given, band in outcomes]
        self.scores = [(f'"prediction":{given},"probability":', f',"risk_band":"{band}"') for given, band in outcomes]

    def at(self, probability: float) -> int:
        """The band, 0 to 2, and 3 more from the threshold on. Each limit belongs to the band above it."""
        return (
            (probability >= self._medium) + (probability >= self._high) + (3 if probability >= self._threshold else 0)
        )


def prediction_id(nanoseconds: int) -> str:
    """A new UUID version 7 (RFC 9562) of a Unix time. It begins with the time: an index on it grows only at its end."""
    random = os.urandom(10).hex()
    text = f"{nanoseconds // 1_000_000:012x}"
    return f"{text[:8]}-{text[8:]}-7{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:19]}"


# the two highest bits of this digit are the variant
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def members(values: dict[str, object]) -> str:
    """The members of a JSON object, without its braces."""
    return to_json(values).decode()[1:-1]
