"""Every error of the data API as an RFC 9457 problem document."""

import json
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from readmission.errors import (
    BatchNotPublished,
    InvalidInput,
    MissingSetting,
    NotFound,
    ReadmissionError,
    Unauthorized,
)
from readmission.log import get_logger

STATUS: dict[type[ReadmissionError], HTTPStatus] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    MissingSetting: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    BatchNotPublished: HTTPStatus.NOT_FOUND,
}


def register_problems(app: Flask) -> None:
    """Answer every error of ``app`` with a problem document."""
    app.register_error_handler(ReadmissionError, _domain_problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _unexpected_problem)


def problem(status: int, detail: str, **members: object) -> Response:
    """A problem document; ``members`` are its extension members."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        **members,
    }
    return Response(json.dumps(body), status=status, content_type="application/problem+json")


def _domain_problem(error: ReadmissionError) -> Response:
    status = STATUS.get(type(error))
    if status is None:
        return _unexpected_problem(error)
    members = {"next_batch_at": error.next_batch_at} if isinstance(error, BatchNotPublished) else {}
    response = problem(status, str(error), **members)
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'ApiKey header="X-API-Key"'
    return response


def _http_problem(error: HTTPException) -> Response:
    response = problem(error.code or HTTPStatus.INTERNAL_SERVER_ERROR, error.description or "")
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers.add(name, value)
    return response


def _unexpected_problem(error: Exception) -> Response:
    get_logger(__name__).error("request failed", method=request.method, path=request.path, exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server met an unexpected error; its log says which")
