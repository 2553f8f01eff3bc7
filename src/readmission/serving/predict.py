"""``POST /predict``: the risks of one encounter. ``serving/fast_path.py`` answers the ordinary requests before it."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from readmission.errors import InvalidInput
from readmission.http_contract import JSON, PATIENT_REFERENCE_HEADER
from readmission.prediction.log.spool import Spool
from readmission.prediction.patient_reference import MAX_BYTES
from readmission.serving.answering import Answering
from readmission.serving.auth import ApiKeys
from readmission.serving.encounter import Encounter
from readmission.serving.live_model import ModelSlots
from readmission.serving.metrics import Metrics
from readmission.serving.openapi import DirectRoute, json_body, problems
from readmission.serving.request_body import media_type, read_body
from readmission.serving.responses import Prediction

# an encounter has a few thousand bytes; parsing a larger body would block the other requests
MAX_ENCOUNTER_BYTES = 100_000
REFERENCE_PARAMETER = {
    "name": PATIENT_REFERENCE_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_BYTES},
    "description": "The caller's own reference to the patient. The log keeps a keyed hash of it, and no answer has it. "
    "It is not a feature, so it is no part of the encounter. A server without a key for it answers 503.",
}
_REFERENCE_HEADER = PATIENT_REFERENCE_HEADER.lower().encode()


@dataclass(frozen=True)
class Predicting:
    """What the prediction routes use. Without a ``log``, predictions are not logged."""

    slots: ModelSlots
    keys: ApiKeys
    metrics: Metrics
    answering: Answering
    log: Spool | None
    max_body_bytes: int
    max_batch_rows: int

    @property
    def max_encounter_bytes(self) -> int:
        """The limit of a body that holds one encounter."""
        return min(MAX_ENCOUNTER_BYTES, self.max_body_bytes)


def predict_router(predicting: Predicting) -> APIRouter:
    """The route ``/predict`` with its collaborators."""
    router = APIRouter(route_class=DirectRoute, tags=["prediction"])

    @router.post(
        "/predict",
        summary="The risks of one encounter",
        responses={200: {"model": Prediction}, **problems(400, 401, 413, 415, 422, 503)},
        openapi_extra=json_body(Encounter, [REFERENCE_PARAMETER]),
    )
    async def predict(request: Request) -> Response:
        predicting.keys.check(request)
        media_type(request, JSON)
        body = await read_body(request, predicting.max_encounter_bytes)
        return Response(predicting.answering.answer(body, patient_reference(request)), media_type=JSON)

    return router


def patient_reference(request: Request) -> bytes | None:
    """The caller's reference to the patient, if there is one. Raises :class:`InvalidInput` for two."""
    found = [value for name, value in request.scope["headers"] if name == _REFERENCE_HEADER]
    if len(found) > 1:
        raise InvalidInput(f"the header {PATIENT_REFERENCE_HEADER} is there twice")
    return found[0] if found else None
