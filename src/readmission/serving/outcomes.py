"""``POST /outcomes``: records what became of the patient of an earlier prediction."""

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Protocol

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, to_json

from readmission.domain.horizon import HorizonName
from readmission.domain.outcome import Knowledge, Report, truth
from readmission.errors import InvalidInput, MissingSetting, NotFound, UnreadableInput
from readmission.http_contract import JSON
from readmission.prediction.log.table import PredictionTable
from readmission.prediction.log.waiting import land_waiting
from readmission.serving.auth import ApiKeys
from readmission.serving.encounter import FieldProblem, whole_number
from readmission.serving.openapi import DirectRoute, json_body, problems
from readmission.serving.request_body import media_type, read_body
from readmission.serving.responses import PREDICTION_EXAMPLE, Answer

MAX_OUTCOME_BYTES = 10_000
CLOCK_SKEW = timedelta(minutes=5)
EXACTLY_ONE = ("days_until_readmission", "not_readmitted_by")


def _iso_date(value: object) -> date | None:
    # pydantic would read "1700006400" as a Unix time, and fromisoformat takes weeks
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("not an ISO 8601 date")
    return date.fromisoformat(value)


class Outcome(BaseModel):
    """What became of the patient of a prediction: exactly one of the two fields, beside ``prediction_id``."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": kind}, other: {"type": "null"}}}
                for name, kind, other in (
                    (EXACTLY_ONE[0], "integer", EXACTLY_ONE[1]),
                    (EXACTLY_ONE[1], "string", EXACTLY_ONE[0]),
                )
            ],
            "example": {"prediction_id": PREDICTION_EXAMPLE["prediction_id"], "days_until_readmission": 12},
        },
    )

    prediction_id: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z-]+$")
    days_until_readmission: Annotated[int | None, BeforeValidator(whole_number)] = Field(
        default=None, ge=0, description="Days from the day of the prediction, in UTC, to the day of the readmission."
    )
    not_readmitted_by: Annotated[date | None, BeforeValidator(_iso_date)] = Field(
        default=None, description="The last day on which it was known that the patient had not come back."
    )


class KnownOutcome(Answer):
    """All that is known of a prediction's outcome after a report."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "prediction_id": PREDICTION_EXAMPLE["prediction_id"],
                "truth": {"any": True, "within_30_days": True},
            }
        }
    )

    prediction_id: str
    truth: dict[HorizonName, bool | None] = Field(
        description="For each horizon, whether the patient was readmitted within it; null: not yet known."
    )


class OutcomeTable(PredictionTable, Protocol):
    """The part of ``adapters.database.InferenceDatabase`` that the route uses."""

    def record_outcome(self, prediction_id: str, report: Report, today: date, /) -> Knowledge:
        """Add a report to what is known, and return all that is known then. The same report again changes nothing.

        Raises :class:`NotFound` for an unknown prediction, :class:`InvalidInput` for a day before the prediction or
        after ``today`` (UTC), and :class:`Conflict` for a report that contradicts what is known.
        """


def outcomes_router(keys: ApiKeys, table: OutcomeTable | None, folder: Path) -> APIRouter:
    """The route. Without a ``table`` it answers with :class:`MissingSetting`. Predictions wait in ``folder``."""
    router = APIRouter(route_class=DirectRoute, tags=["prediction"])

    @router.post(
        "/outcomes",
        summary="Record the outcome of a prediction",
        description="A later report may add to what is known. Sending the same outcome again changes nothing.",
        responses={200: {"model": KnownOutcome}, **problems(400, 401, 404, 409, 413, 415, 422, 503)},
        openapi_extra=json_body(Outcome),
    )
    async def outcomes(request: Request) -> Response:
        keys.check(request)
        media_type(request, JSON)
        outcome = parse_outcome(await read_body(request, MAX_OUTCOME_BYTES))
        if table is None:
            raise MissingSetting("INFERENCE_DATABASE_URL")
        known = await asyncio.to_thread(_record, table, outcome, folder)
        answer = {"prediction_id": outcome.prediction_id, "truth": truth(known)}
        return Response(to_json(answer), media_type=JSON)

    return router


def parse_outcome(body: bytes) -> Outcome:
    """Read an outcome from a JSON body.

    Raises :class:`UnreadableInput` when the body is not JSON, and :class:`InvalidInput` with the refused fields.
    """
    try:
        outcome = Outcome.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error.errors(include_input=False, include_url=False)) from None
    if (outcome.days_until_readmission is None) == (outcome.not_readmitted_by is None):
        raise InvalidInput(
            "an outcome has exactly one of days_until_readmission and not_readmitted_by",
            [_problem(name) for name in EXACTLY_ONE],
        )
    return outcome


def _record(table: OutcomeTable, outcome: Outcome, folder: Path) -> Knowledge:
    try:
        try:
            return _stored(table, outcome)
        except NotFound:
            land_waiting(folder, outcome.prediction_id, table)
            return _stored(table, outcome)
    except InvalidInput as error:
        raise InvalidInput(str(error), [_problem(name) for name in error.fields]) from error


def _stored(table: OutcomeTable, outcome: Outcome) -> Knowledge:
    report = Report(outcome.days_until_readmission, outcome.not_readmitted_by)
    return table.record_outcome(outcome.prediction_id, report, (datetime.now(UTC) + CLOCK_SKEW).date())


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
        "days_until_readmission": "must be a whole number of days from the prediction's day until today at most",
        "not_readmitted_by": "must be an ISO 8601 date from the prediction's day until today, in UTC",
    }.get(name, "is not a field of an outcome: send days_until_readmission or not_readmitted_by")
    return FieldProblem(field=name[:64], message=message, allowed=allowed)
