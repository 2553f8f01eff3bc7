"""``POST /outcomes``: records whether the patient of an earlier prediction was readmitted."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from readmission.errors import Conflict, InvalidInput, MissingSetting, UnreadableInput
from readmission.http_contract import JSON
from readmission.serving.auth import ApiKeys
from readmission.serving.encounter import FieldProblem
from readmission.serving.openapi import DirectRoute, json_body, problems
from readmission.serving.request_body import media_type, read_body
from readmission.serving.responses import PREDICTION_EXAMPLE

MAX_OUTCOME_BYTES = 10_000
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=5)


class Outcome(BaseModel):
    """Whether the patient of a prediction was readmitted."""

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
    observed_at: AwareDatetime | None = Field(
        default=None, description="When it was known, with a time zone. Default: now."
    )


class OutcomeTable(Protocol):
    """The part of ``adapters.database.InferenceDatabase`` that the route uses."""

    def record_outcome(self, prediction_id: str, readmitted: bool, observed_at: datetime, /) -> None:
        """Store one outcome. ``observed_at`` is in UTC. Storing the same outcome again changes nothing.

        Raises :class:`NotFound` for an unknown prediction, and :class:`InvalidInput` when another outcome is stored.
        """


def outcomes_router(keys: ApiKeys, table: OutcomeTable | None) -> APIRouter:
    """The route. Without a ``table`` it answers with :class:`MissingSetting`."""
    router = APIRouter(route_class=DirectRoute, tags=["prediction"])

    @router.post(
        "/outcomes",
        status_code=204,
        summary="Record the outcome of a prediction",
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
    """Read an outcome from a JSON body.

    ``observed_at`` must be between ``EARLIEST`` and now (plus ``CLOCK_SKEW``). Raises :class:`UnreadableInput` when the
    body is not JSON, and :class:`InvalidInput` with the refused fields.
    """
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
