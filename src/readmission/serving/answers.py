"""From encoded encounters and the live models to what is answered and logged. It knows no transport."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from readmission.adapters.database import PredictionRecord
from readmission.serving.live_model import LiveModels

Source = Literal["predict", "predict_batch", "explain", "oip_rest", "oip_grpc"]


def score(models: LiveModels, matrix: np.ndarray) -> list[dict[str, Any]]:
    """The fields of the response that belong to each row of a ``(n, len(FEATURES))`` float32 matrix.

    ``risks`` has the risk of each model, the primary first; ``prediction_id`` is new, the others are the primary's.
    """
    # a session for each model: one over merged graphs saves 3 % of a request, nothing of a batch (bench/serving.py),
    # and would be rebuilt at each swap
    return [
        {
            "prediction_id": prediction_id(),
            "prediction": risks[0]["prediction"],
            "probability": risks[0]["probability"],
            "risk_band": risks[0]["risk_band"],
            "risks": risks,
        }
        for risks in map(list, zip(*(live.risks(matrix) for live in models), strict=True))
    ]


def complete(models: LiveModels, scored: Mapping[str, Any]) -> dict[str, Any]:
    """One encounter's score with what is true of each model: the whole response to one encounter."""
    risks = [risk | live.facts for live, risk in zip(models, scored["risks"], strict=True)]
    return {**scored, **models[0].facts, "risks": risks}


def record(answer: Mapping[str, Any], encounter: Mapping[str, Any], source: Source) -> PredictionRecord:
    """The log record of a complete response. ``features`` holds only the values that were given.

    ``encoding.encode`` makes the models' input from them: it knows the defaults and what the drugs determine.
    """
    return PredictionRecord(
        prediction_id=answer["prediction_id"],
        created_at=datetime.now(UTC),
        model_name=answer["model_name"],
        model_version=answer["model_version"],
        probability=answer["probability"],
        prediction=answer["prediction"],
        threshold=answer["threshold"],
        features={name: value for name, value in encounter.items() if value is not None},
        risks=answer["risks"],
        source=source,
    )


def prediction_id() -> str:
    """A new UUID version 7 (RFC 9562). It begins with the time, so a database index grows only at its end."""
    milliseconds = time.time_ns() // 1_000_000
    bits = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
