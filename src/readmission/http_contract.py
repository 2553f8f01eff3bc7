"""The contract of the HTTP services and their clients: header names, media types and RFC 9457 problem documents.

This module imports no web framework; each service sends the documents with its own.
"""

from http import HTTPStatus
from typing import Any

from readmission.errors import (
    BatchNotPublished,
    Busy,
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
PATIENT_REFERENCE_HEADER = "X-Patient-Reference"
CHALLENGE_HEADER = "WWW-Authenticate"
# the challenge of an answer 401 to a caller without a valid key
API_KEY_CHALLENGE = 'ApiKey realm="readmission"'

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
PROBLEM = "application/problem+json"

# an error has the status of its own class, or of its nearest base class in this table
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
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    MissingSetting: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelNotLoaded: HTTPStatus.SERVICE_UNAVAILABLE,
    SourceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(error: ReadmissionError) -> HTTPStatus:
    """The HTTP status of an error: that of its class, or of its nearest base class, in ``STATUS``."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_document(status: int, detail: str) -> dict[str, Any]:
    """An RFC 9457 problem document; ``type`` is ``about:blank``, so ``title`` is the status in words."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}


def error_document(error: ReadmissionError) -> dict[str, Any]:
    """The problem document of an error, with the extension members of its class.

    ``errors`` (``InvalidInput``) names each invalid field. ``next_batch_at`` (``BatchNotPublished``) is the time at
    which the next batch is published.
    """
    document = problem_document(status_of(error), str(error))
    if isinstance(error, InvalidInput) and error.problems:
        document["errors"] = error.problems
    if isinstance(error, BatchNotPublished):
        document["next_batch_at"] = error.next_batch_at
    return document
