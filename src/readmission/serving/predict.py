"""``POST /predict``: the risks of one encounter. This is the hot path, so it uses neither pandas nor a thread."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from readmission.domain.encoding import encode
from readmission.http_contract import JSON
from readmission.serving.answers import complete, record, score
from readmission.serving.auth import ApiKeys
from readmission.serving.encounter import Encounter, parse_encounter
from readmission.serving.live_model import ModelSlots
from readmission.serving.metrics import Metrics
from readmission.serving.openapi import DirectRoute, json_body, problems
from readmission.serving.prediction_log import PredictionLog
from readmission.serving.request_body import media_type, read_body
from readmission.serving.responses import Prediction

# an encounter has a few thousand bytes; parsing a larger body would block the other requests
MAX_ENCOUNTER_BYTES = 100_000


@dataclass(frozen=True)
class Predicting:
    """What both prediction routes use. Without a ``log``, predictions are not logged."""

    slots: ModelSlots
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
        summary="The risks of one encounter",
        responses={200: {"model": Prediction}, **problems(400, 401, 413, 415, 422, 503)},
        openapi_extra=json_body(Encounter),
    )
    async def predict(request: Request) -> Response:
        predicting.keys.check(request)
        media_type(request, JSON)
        encounter = parse_encounter(await read_body(request, min(MAX_ENCOUNTER_BYTES, predicting.max_body_bytes)))
        models = predicting.slots.current()
        scored = score(models, encode([encounter]))
        predicting.metrics.predicted(models, scored)
        answer = complete(models, scored[0])
        if predicting.log is not None:
            await predicting.log.write([record(answer, encounter, "predict")])
        return Response(to_json(answer), media_type=JSON)

    return router
