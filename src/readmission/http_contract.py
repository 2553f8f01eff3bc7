"""What the HTTP services and their clients agree on: header names, media types, errors as RFC 9457 problem documents.

It imports no framework: each service writes the document with its own one.
"""

from http import HTTPStatus
from typing import Any

from readmission.errors import (
    BatchNotPublished,
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    InvalidInput,
    InvalidModel,
    InvalidParameter,
    MissingSetting,
    ModelNotLoaded,
    NotFound,
    ReadmissionError,
    SourceUnavailable,
    TooLarge,
    Unauthorized,
    UnreadableInput,
    UnsupportedMedia,
)

API_KEY_HEADER = "X-API-Key"
CHALLENGE_HEADER = "WWW-Authenticate"

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
PROBLEM = "application/problem+json"

# the status of an error is that of its nearest class here
STATUS: dict[type[ReadmissionError], HTTPStatus] = {
    InvalidParameter: HTTPStatus.BAD_REQUEST,
    UnreadableInput: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    BatchNotPublished: HTTPStatus.NOT_FOUND,
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


def status_of(error: ReadmissionError) -> HTTPStatus:
    """The status of the error's nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_document(status: int, detail: str) -> dict[str, Any]:
    """An RFC 9457 problem document; ``type`` is ``about:blank``, so ``title`` is the status in words."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}


def error_document(error: ReadmissionError) -> dict[str, Any]:
    """The problem document of an error of ours, with the extension members that its class has.

    ``errors`` names each refused field, ``next_batch_at`` says when a batch that is not published yet may be there.
    """
    document = problem_document(status_of(error), str(error))
    if isinstance(error, InvalidInput) and error.problems:
        document["errors"] = error.problems
    if isinstance(error, BatchNotPublished):
        document["next_batch_at"] = error.next_batch_at
    return document
