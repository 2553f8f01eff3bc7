"""``POST /predict``: the risk of one encounter. This is the hot path, so it uses neither pandas nor a thread."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from readmission.adapters.database import PredictionRecord
from readmission.domain.encoding import encode
from readmission.http_contract import JSON
from readmission.serving.auth import ApiKeys
from readmission.serving.encounter import Encounter, parse_encounter
from readmission.serving.live_model import LiveModel, ModelSlot
from readmission.serving.metrics import Metrics
from readmission.serving.openapi import DirectRoute, json_body, problems
from readmission.serving.prediction_log import PredictionLog
from readmission.serving.request_body import media_type, read_body
from readmission.serving.responses import Prediction

# an encounter has a few thousand bytes; parsing a larger body would block the other requests
MAX_ENCOUNTER_BYTES = 100_000
Source = Literal["predict", "predict_batch", "explain"]


@dataclass(frozen=True)
class Predicting:
    """What both prediction routes use. Without a ``log``, predictions are not logged."""

    slot: ModelSlot
    keys: ApiKeys
    metrics: Metrics
    log: PredictionLog | None
    max_body_bytes: int
    max_batch_rows: int


def predict_router(predicting: Predicting) -> APIRouter:
    """The route ``/predict`` with its collaborators."""
    router = APIRouter(route_class=DirectRoute, tags=["prediction"])

    @router.post(
        "/predict",
        summary="The risk of one encounter",
        responses={200: {"model": Prediction}, **problems(400, 401, 413, 415, 422, 503)},
        openapi_extra=json_body(Encounter),
    )
    async def predict(request: Request) -> Response:
        predicting.keys.check(request)
        media_type(request, JSON)
        encounter = parse_encounter(await read_body(request, min(MAX_ENCOUNTER_BYTES, predicting.max_body_bytes)))
        live = predicting.slot.current()
        (probability,) = live.probabilities(encode([encounter]))
        answer = score(live, probability) | model_facts(live)
        predicting.metrics.predicted(live, [probability])
        if predicting.log is not None:
            await predicting.log.write([record(live, answer, encounter, "predict")])
        return Response(to_json(answer), media_type=JSON)

    return router


def score(live: LiveModel, probability: float) -> dict[str, Any]:
    """The fields of the response that belong to one encounter, with a new ``prediction_id``."""
    return {
        "prediction_id": prediction_id(),
        "prediction": live.prediction(probability),
        "probability": probability,
        "risk_band": live.risk_band(probability),
    }


def model_facts(live: LiveModel) -> dict[str, Any]:
    """The fields of the response that are the same for all encounters of one model."""
    return {
        "threshold": live.metadata.threshold,
        "model_name": live.version.name,
        "model_version": live.version.version,
        "data_source": live.metadata.data_source,
        "calibrated": live.metadata.calibrated,
    }


def record(
    live: LiveModel, scored: Mapping[str, Any], encounter: Mapping[str, Any], source: Source
) -> PredictionRecord:
    """The log record of a prediction. ``features`` holds only the values that were given.

    ``encoding.encode`` makes the model's input from them: it knows the defaults and what the drugs determine.
    """
    return PredictionRecord(
        prediction_id=scored["prediction_id"],
        created_at=datetime.now(UTC),
        model_name=live.version.name,
        model_version=live.version.version,
        probability=scored["probability"],
        prediction=scored["prediction"],
        threshold=live.metadata.threshold,
        features={name: value for name, value in encounter.items() if value is not None},
        source=source,
    )


def prediction_id() -> str:
    """A new UUID version 7 (RFC 9562). It begins with the time, so a database index grows only at its end."""
    milliseconds = time.time_ns() // 1_000_000
    bits = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
