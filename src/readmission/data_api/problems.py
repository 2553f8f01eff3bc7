"""Every error of the data API as an RFC 9457 problem document."""

import json
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from readmission.errors import ReadmissionError
from readmission.http_contract import API_KEY_CHALLENGE, CHALLENGE_HEADER, PROBLEM, error_document, problem_document
from readmission.log import get_logger


def register_problems(app: Flask) -> None:
    """Answer every error of ``app`` with a problem document."""
    app.register_error_handler(ReadmissionError, _domain_problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _unexpected_problem)


def _domain_problem(error: ReadmissionError) -> Response:
    response = _response(error_document(error))
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response.headers[CHALLENGE_HEADER] = API_KEY_CHALLENGE
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log(error)
    return response


def _http_problem(error: HTTPException) -> Response:
    response = _response(problem_document(error.code or HTTPStatus.INTERNAL_SERVER_ERROR, error.description or ""))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers.add(name, value)
    return response


def _unexpected_problem(error: Exception) -> Response:
    _log(error)
    detail = "the server met an unexpected error; its log says which"
    return _response(problem_document(HTTPStatus.INTERNAL_SERVER_ERROR, detail))


def _response(document: dict[str, Any]) -> Response:
    return Response(json.dumps(document), status=document["status"], content_type=PROBLEM)


def _log(error: Exception) -> None:
    get_logger(__name__).error("request failed", method=request.method, path=request.path, exc_info=error)
