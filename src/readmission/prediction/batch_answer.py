"""The bytes of a batch's answer and of its events in the log, rendered by column. It knows no transport."""

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import to_json

from readmission.domain.model_file import ModelFileMetadata
from readmission.prediction.answer import RISK_BANDS, ModelTexts, Source, Version, members

# where the 32 digits of a UUID stand among its four hyphens
_DIGITS = [*range(8), *range(9, 13), *range(14, 18), *range(19, 23), *range(24, 36)]


class Scored(NamedTuple):
    """``rows``: the positions in the batch of the encounters that were predicted; ``probabilities``: (models, rows).

    ``features``: what was given of each as the members of a JSON object, without braces; None without a log.
    """

    rows: Sequence[int]
    probabilities: np.ndarray
    features: Sequence[str] | None


class BatchForm:
    """The answers of a tuple of models, the primary first."""

    def __init__(self, models: Sequence[tuple[Version, ModelFileMetadata]]) -> None:
        self._models = [_ModelForm(version, metadata) for version, metadata in models]

    def render(self, rows: int, scored: Scored, refused: Mapping[int, Any]) -> tuple[bytes, list[bytes]]:
        """The answer to a batch, and the events of its predictions: records of the log as JSON on one line.

        ``refused``: the problems of each row that is not in ``scored``.
        """
        names = prediction_ids(len(scored.rows), time.time_ns() // 1_000_000)
        heads, columns = self._columns(names, scored)
        entries: list[str] = [""] * rows
        for row, head, band, *risks in zip(
            scored.rows, heads, columns[0].bands, *(c.risks for c in columns), strict=True
        ):
            entries[row] = f'{{"index":{row},{head},{band},"risks":[{",".join(risks)}]}}'
        for row, errors in refused.items():
            entries[row] = to_json({"index": row, "errors": errors}).decode()
        answer = f"{self._head(rows, len(scored.rows), len(refused))}[{','.join(entries)}]}}"
        return answer.encode(), self._events(heads, columns, scored.features, "predict_batch")

    def events(self, names: Sequence[str], scored: Scored, source: Source) -> list[bytes]:
        """The events only, for an answer of another form. ``names``: the ids of the predictions."""
        return self._events(*self._columns(names, scored), scored.features, source)

    def _columns(self, names: Sequence[str], scored: Scored) -> tuple[list[str], list["_Columns"]]:
        columns = [form.columns(p) for form, p in zip(self._models, scored.probabilities, strict=True)]
        heads = [f'"prediction_id":"{name}",{score}' for name, score in zip(names, columns[0].scores, strict=True)]
        return heads, columns

    def _head(self, rows: int, predicted: int, refused: int) -> str:
        counts = members({"rows": rows, "predicted": predicted, "refused": refused})
        risks = ",".join(f"{{{form.horizon},{form.facts}}}" for form in self._models)
        return f'{{{counts},{self._models[0].facts},"risks":[{risks}],"predictions":'

    def _events(
        self, heads: list[str], columns: list["_Columns"], features: Sequence[str] | None, source: Source
    ) -> list[bytes]:
        if features is None:
            return []
        made = f'"created_at":"{datetime.now(UTC).isoformat()}",{self._models[0].logged},"source":"{source}"'
        facts = [repeat(form.facts) for form in self._models]
        risks = [
            [f"{risk[:-1]},{fact}}}" for risk, fact in zip(column.risks, fact_of, strict=False)]
            for column, fact_of in zip(columns, facts, strict=True)
        ]
        return [
            f'{{{head},{made},"risks":[{",".join(of_row)}],"features":{{{given}}}}}'.encode()
            for head, given, *of_row in zip(heads, features, *risks, strict=True)
        ]


class _Columns(NamedTuple):
    """By row: its prediction and probability, its risk band, and the risk of one horizon, as JSON."""

    scores: list[str]
    bands: list[str]
    risks: list[str]


class _ModelForm(ModelTexts):
    """The texts around one model's probabilities."""

    def __init__(self, version: Version, metadata: ModelFileMetadata) -> None:
        super().__init__(version, metadata)
        self._limits = metadata.threshold, metadata.risk_band_medium, metadata.risk_band_high
        self._bands = [f'"risk_band":"{band}"' for band in RISK_BANDS]
        self._ends = [f',"prediction":{given},{band}}}' for given in (0, 1) for band in self._bands]

    def columns(self, probabilities: np.ndarray) -> _Columns:
        """``probabilities``: float32. Each limit belongs to what is above it."""
        values = probabilities.astype(np.float64)
        threshold, medium, high = self._limits
        given, band = (values >= threshold).astype(int), (values >= medium).astype(int) + (values >= high)
        numbers = to_json(values.tolist()).decode()[1:-1].split(",") if len(values) else []
        ends = map(self._ends.__getitem__, (3 * given + band).tolist())
        return _Columns(
            [f'"prediction":{one},"probability":{number}' for one, number in zip(given.tolist(), numbers, strict=True)],
            list(map(self._bands.__getitem__, band.tolist())),
            [f"{self.head}{number}{end}" for number, end in zip(numbers, ends, strict=True)],
        )


def prediction_ids(count: int, milliseconds: int) -> list[str]:
    """New UUIDs version 7 (RFC 9562) of one Unix time."""
    numbers = np.frombuffer(os.urandom(16 * count), np.uint8).reshape(count, 16).copy()
    numbers[:, :6] = np.frombuffer(milliseconds.to_bytes(6), np.uint8)
    numbers[:, 6] = numbers[:, 6] & 0x0F | 0x70
    numbers[:, 8] = numbers[:, 8] & 0x3F | 0x80
    texts = np.full((count, 36), ord("-"), np.uint8)
    texts[:, _DIGITS] = np.frombuffer(numbers.tobytes().hex().encode(), np.uint8).reshape(count, 32)
    whole = texts.tobytes().decode("ascii")
    return [whole[at : at + 36] for at in range(0, 36 * count, 36)]
