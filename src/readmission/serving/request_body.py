"""A request's body, read up to a limit, and the format that it says it has."""

from fastapi import Request
from starlette.requests import ClientDisconnect

from readmission.errors import TooLarge
from readmission.serving.errors import UnsupportedMedia

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"


def media_type(request: Request, *accepted: str) -> str:
    """The format of the body, one of ``accepted``; the first one when the request names none."""
    headers = request.headers
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("send the body without a content encoding")
    named, _, parameters = headers.get("content-type", accepted[0]).partition(";")
    found = named.strip().lower()
    if found not in accepted:
        raise UnsupportedMedia(f"the content type must be one of: {', '.join(accepted)}")
    if "charset=" in (text := parameters.lower()) and "utf-8" not in text.replace("utf8", "utf-8"):
        raise UnsupportedMedia("text must be in UTF-8")
    return found


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; raises :class:`TooLarge` as soon as it says or proves that it is over ``limit`` bytes."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise _too_large(limit)
    receive = request.receive
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_on(request, body, limit)
    elif message["type"] == "http.disconnect":
        raise ClientDisconnect
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def _read_on(request: Request, first: bytes, limit: int) -> bytes:
    chunks, size, more = [first], len(first), True
    while more and size <= limit:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
    return b"".join(chunks)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes")
