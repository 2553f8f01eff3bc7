"""Every error as one RFC 9457 problem document, and the one table that gives its status."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from readmission.errors import (
    DatabaseUnavailable,
    InvalidInput,
    InvalidModel,
    MissingSetting,
    ModelNotLoaded,
    NotFound,
    ReadmissionError,
    SourceUnavailable,
    TooLarge,
    Unauthorized,
)

PROBLEM_TYPE = "application/problem+json"


class UnreadableInput(InvalidInput):
    """A body that is not what its content type says: broken JSON, CSV or Parquet, another text encoding."""


class UnsupportedMedia(ReadmissionError):
    """A body in a format that the route does not take."""


class Forbidden(ReadmissionError):
    """The route is closed to everybody until the operator opens it."""


class Conflict(ReadmissionError):
    """The request contradicts what is stored."""


STATUS: dict[type[ReadmissionError], HTTPStatus] = {
    UnreadableInput: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    ReadmissionError: HTTPStatus.INTERNAL_SERVER_ERROR,
    InvalidModel: HTTPStatus.BAD_GATEWAY,
    MissingSetting: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelNotLoaded: HTTPStatus.SERVICE_UNAVAILABLE,
    SourceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
HEADERS: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'ApiKey realm="readmission"'},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "5"},
}


def status_of(error: ReadmissionError) -> HTTPStatus:
    """The status of the error's nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_response(
    status: HTTPStatus,
    detail: str,
    *,
    problems: Sequence[Mapping[str, Any]] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem document; ``type`` is ``about:blank``, so ``title`` is the status in words."""
    document: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    if problems:
        document["errors"] = problems
    return Response(to_json(document), int(status), HEADERS.get(status, {}) | (headers or {}), PROBLEM_TYPE)


def add_error_handlers(app: FastAPI) -> None:
    """Answer our own errors, and those of the router (404, 405), with problem documents."""
    app.add_exception_handler(ReadmissionError, _answer_ours)
    app.add_exception_handler(HTTPException, _answer_router)


async def _answer_ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, ReadmissionError)  # noqa: S101 - registered for this class only
    problems = error.problems if isinstance(error, InvalidInput) else ()
    return problem_response(status_of(error), str(error), problems=problems)


async def _answer_router(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    details = {404: "there is nothing under this path: see /docs", 405: "this path does not take that method"}
    status = HTTPStatus(error.status_code)
    return problem_response(status, details.get(error.status_code, status.phrase), headers=dict(error.headers or {}))
