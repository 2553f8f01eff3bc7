"""Every error of the inference API as an RFC 9457 problem document."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from readmission.errors import ReadmissionError
from readmission.http_contract import API_KEY_CHALLENGE, CHALLENGE_HEADER, PROBLEM, error_document, problem_document

HEADERS: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {CHALLENGE_HEADER: API_KEY_CHALLENGE},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "5"},
}


def problem_response(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem document that no error of ours stands behind."""
    return _response(problem_document(status, detail), headers)


def add_error_handlers(app: FastAPI) -> None:
    """Answer our own errors, and those of the router (404, 405), with problem documents."""
    app.add_exception_handler(ReadmissionError, _answer_ours)
    app.add_exception_handler(HTTPException, _answer_router)


async def _answer_ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, ReadmissionError)  # noqa: S101 - registered for this class only
    return _response(error_document(error))


async def _answer_router(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    details = {404: "there is nothing under this path: see /docs", 405: "this path does not take that method"}
    status = HTTPStatus(error.status_code)
    return problem_response(status, details.get(error.status_code, status.phrase), dict(error.headers or {}))


def _response(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    status = document["status"]
    return Response(to_json(document), status, HEADERS.get(status, {}) | (headers or {}), PROBLEM)
