"""Reads a request's body up to a size limit, and its content type."""

from fastapi import Request
from starlette.requests import ClientDisconnect

from readmission.errors import TooLarge, UnsupportedMedia


def media_type(request: Request, *accepted: str) -> str:
    """The content type of the body, one of ``accepted``. The default is the first one.

    Raises :class:`UnsupportedMedia` for another content type, a content encoding, or a charset other than UTF-8.
    """
    # a dict of the raw headers: starlette's mapping scans all headers on each lookup
    headers = dict(request.scope["headers"])
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMedia("send the body without a content encoding")
    named, _, parameters = headers.get(b"content-type", accepted[0].encode()).decode("latin-1").partition(";")
    found: str = named.strip().lower()
    if found not in accepted:
        raise UnsupportedMedia(f"the content type must be one of: {', '.join(accepted)}")
    if "charset=" in (text := parameters.lower()) and "utf-8" not in text.replace("utf8", "utf-8"):
        raise UnsupportedMedia("text must be in UTF-8")
    return found


async def read_body(request: Request, limit: int) -> bytes:
    """Read the whole body. Raises :class:`TooLarge` once its declared or received size exceeds ``limit`` bytes."""
    declared = dict(request.scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared[:20]) > limit:
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
