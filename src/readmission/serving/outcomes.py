"""``POST /outcomes``: what became of the patient, for a prediction made earlier."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from readmission.errors import InvalidInput, MissingSetting
from readmission.serving.auth import ApiKeys
from readmission.serving.encounter import FieldProblem
from readmission.serving.errors import Conflict, UnreadableInput
from readmission.serving.openapi import DirectRoute, json_body, problems
from readmission.serving.request_body import JSON, media_type, read_body
from readmission.serving.responses import PREDICTION_EXAMPLE

MAX_OUTCOME_BYTES = 10_000
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=5)


class Outcome(BaseModel):
    """What became of a patient after a prediction."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={
            "example": {
                "prediction_id": PREDICTION_EXAMPLE["prediction_id"],
                "readmitted": True,
                "observed_at": "2026-11-03T08:30:00Z",
            }
        },
    )

    prediction_id: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z-]+$")
    readmitted: bool
    observed_at: AwareDatetime | None = Field(default=None, description="When it was known, with a zone; default: now.")


class OutcomeTable(Protocol):
    """What the route needs of ``adapters.database.InferenceDatabase``."""

    def record_outcome(self, prediction_id: str, readmitted: bool, observed_at: datetime, /) -> None: ...


def outcomes_router(keys: ApiKeys, table: OutcomeTable | None) -> APIRouter:
    """The route; without a table there is nothing to add an outcome to."""
    router = APIRouter(route_class=DirectRoute, tags=["prediction"])

    @router.post(
        "/outcomes",
        status_code=204,
        summary="The later truth of a prediction",
        description="Sending the same outcome again changes nothing.",
        responses=problems(400, 401, 404, 409, 413, 415, 422, 503),
        openapi_extra=json_body(Outcome),
    )
    async def outcomes(request: Request) -> Response:
        keys.check(request)
        media_type(request, JSON)
        outcome = parse_outcome(await read_body(request, MAX_OUTCOME_BYTES))
        if table is None:
            raise MissingSetting("INFERENCE_DATABASE_URL")
        await asyncio.to_thread(_record, table, outcome)
        return Response(status_code=204)

    return router


def parse_outcome(body: bytes) -> Outcome:
    """A valid outcome, observed neither in the future nor before there were predictions to be made."""
    try:
        outcome = Outcome.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error.errors(include_input=False, include_url=False)) from None
    if outcome.observed_at and not EARLIEST <= outcome.observed_at <= datetime.now(UTC) + CLOCK_SKEW:
        raise InvalidInput("1 of the outcome's fields is not valid", [_problem("observed_at")])
    return outcome


def _record(table: OutcomeTable, outcome: Outcome) -> None:
    observed_at = (outcome.observed_at or datetime.now(UTC)).astimezone(UTC)
    try:
        table.record_outcome(outcome.prediction_id, outcome.readmitted, observed_at)
    except InvalidInput as error:
        raise Conflict(str(error)) from error


def _refusal(details: list[ErrorDetails]) -> InvalidInput:
    if details[0]["type"] == "json_invalid":
        return UnreadableInput(str(details[0]["msg"]))
    if not details[0]["loc"]:
        return InvalidInput("the body must be a JSON object with the fields of one outcome")
    return InvalidInput("the outcome is not valid", [_problem(str(detail["loc"][0])) for detail in details])


def _problem(name: str) -> FieldProblem:
    allowed = Outcome.model_json_schema()["properties"].get(name, {"not": {}})
    message = {
        "prediction_id": "is required: the prediction_id of an earlier answer",
        "readmitted": "is required: true or false",
        "observed_at": "must be an ISO 8601 instant with a zone, not in the future, or be left out",
    }.get(name, "is not a field of an outcome")
    return FieldProblem(field=name[:64], message=message, allowed=allowed)
