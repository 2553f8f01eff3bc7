"""``POST /predict``: one encounter, one risk. The hot path: no pandas, no thread, one pass over the body."""

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
from readmission.serving.auth import ApiKeys
from readmission.serving.encounter import Encounter, parse_encounter
from readmission.serving.live_model import LiveModel, ModelSlot
from readmission.serving.metrics import Metrics
from readmission.serving.openapi import DirectRoute, json_body, problems
from readmission.serving.prediction_log import PredictionLog
from readmission.serving.request_body import JSON, media_type, read_body
from readmission.serving.responses import Prediction

# one encounter has some thousand; parsing a larger body would hold up the other requests
MAX_ENCOUNTER_BYTES = 100_000
Source = Literal["predict", "predict_batch"]


@dataclass(frozen=True)
class Predicting:
    """What both prediction routes work with; without a ``log`` nothing is written."""

    slot: ModelSlot
    keys: ApiKeys
    metrics: Metrics
    log: PredictionLog | None
    max_body_bytes: int
    max_batch_rows: int


def predict_router(predicting: Predicting) -> APIRouter:
    """The route, over the worker's model."""
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
    """The answer's part that differs from row to row, under a new ``prediction_id``."""
    return {
        "prediction_id": prediction_id(),
        "prediction": live.prediction(probability),
        "probability": probability,
        "risk_band": live.risk_band(probability),
    }


def model_facts(live: LiveModel) -> dict[str, Any]:
    """The answer's part that is the same for all rows of one model."""
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
    """A prediction as it is logged, with the values that were known."""
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
    """A UUID of version 7 (RFC 9562): its time comes first, so a database appends it instead of inserting anywhere."""
    milliseconds = time.time_ns() // 1_000_000
    bits = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
