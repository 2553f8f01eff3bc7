"""Answers ``POST /predict`` before the framework does. Every other request, and every refusal, is the framework's.

This callable handles the ordinary request to the end: the right headers, a whole body, a valid encounter. With
anything else it hands the request on, body and all, as if it had not looked at it. So a refusal is the route's own.
"""

import hmac
import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from readmission.errors import ReadmissionError
from readmission.http_contract import API_KEY_HEADER, JSON, PATIENT_REFERENCE_HEADER
from readmission.serving.middleware import NO_STORE

ROUTE = "/predict"
_CONTENT_TYPES = frozenset({None, b"application/json", b"application/json; charset=utf-8"})
_KEY_HEADER = API_KEY_HEADER.lower().encode()
_REFERENCE_HEADER = PATIENT_REFERENCE_HEADER.lower().encode()
_HEADERS = [(b"content-type", JSON.encode()), NO_STORE]
# the body of an encounter and its caller's reference to the patient, to the answer
Answer = Callable[[bytes, bytes | None], bytes]


class FastPath:
    """One ASGI callable in front of ``app``."""

    def __init__(
        self,
        app: ASGIApp,
        answer: Answer,
        *,
        keys: Sequence[bytes],
        max_body_bytes: int,
        answered: Callable[[float], None],
    ) -> None:
        """``keys``: the API keys that are accepted; none means that every caller is. ``answered`` gets the duration of
        each request that was answered here, in seconds."""
        self._app = app
        self._answer = answer
        self._keys = keys
        self._max_body_bytes = max_body_bytes
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] != "http" or scope["path"] != ROUTE or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if not self._ordinary(headers) or len(headers) != len(scope["headers"]):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        message = await receive()
        answer = self._answer_to(message, headers.get(_REFERENCE_HEADER))
        if answer is None:
            await self._app(scope, _again(message, receive), send)
            return
        fields = [(b"content-length", b"%d" % len(answer)), *_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": answer})
        self._answered(time.perf_counter() - started)

    def _ordinary(self, headers: dict[bytes, bytes]) -> bool:
        """Whether no header needs the framework's judgement."""
        return (
            headers.get(b"content-type") in _CONTENT_TYPES
            and b"content-encoding" not in headers
            # the application refuses by the head alone, without waiting for a body
            and int(headers.get(b"content-length", b"0")) <= self._max_body_bytes
            and (not self._keys or self._is_known(headers.get(_KEY_HEADER, b"")))
        )

    def _is_known(self, sent: bytes) -> bool:
        # compare all keys, so that the response time does not reveal which one matches
        return sum(hmac.compare_digest(sent, key) for key in self._keys) > 0

    def _answer_to(self, message: Message, reference: bytes | None) -> bytes | None:
        """The answer to a whole body with a valid encounter; None for any other."""
        body = message.get("body")
        if not body or message.get("more_body") or len(body) > self._max_body_bytes:
            return None
        try:
            return self._answer(body, reference)
        except ReadmissionError:
            return None


def _again(message: Message, receive: Receive) -> Receive:
    """``receive`` for the application, which gets the message that was already taken first."""
    messages: list[Any] = [message]

    async def receiving() -> Message:
        return messages.pop() if messages else await receive()

    return receiving
