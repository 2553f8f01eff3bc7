"""Answers ``POST /predict`` before the framework does. Every other request, and every refusal, is the framework's.

This callable handles the ordinary request to the end: the right headers, a whole body, a valid encounter. With
anything else it hands the request on, body and all, as if it had not looked at it. So a refusal is the route's own.
"""

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from readmission.errors import ReadmissionError
from readmission.http_contract import API_KEY_HEADER, JSON
from readmission.prediction.predict import Model, Predictor
from readmission.serving.middleware import NO_STORE
from readmission.serving.tally import PUBLISH_SECONDS, Tally

ROUTE = "/predict"
_CONTENT_TYPES = frozenset({None, b"application/json", b"application/json; charset=utf-8"})
_KEY_HEADER = API_KEY_HEADER.lower().encode()
_HEADERS = [(b"content-type", JSON.encode()), NO_STORE]


class EventLog(Protocol):
    """Where the events go. It never fails and never waits."""

    def append(self, event: bytes, /) -> None:
        """Write one event, JSON on one line without its line feed."""


class FastPath:
    """One ASGI callable in front of ``app``. ``models`` gives the live models, the primary first, or raises."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        predictor: Predictor,
        models: Callable[[], Sequence[Model]],
        keys: Sequence[bytes],
        max_body_bytes: int,
        tally: Tally,
        log: EventLog | None = None,
    ) -> None:
        """``keys``: the API keys that are accepted; none means that every caller is."""
        self._app = app
        self._answer = predictor.answer
        self._models = models
        self._keys = keys
        self._max_body_bytes = max_body_bytes
        self._tally = tally
        self._log = log
        self._publishing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] != "http" or scope["path"] != ROUTE or scope["method"] != "POST" or not self._ordinary(scope):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        message = await receive()
        answer = self._predict(message, started)
        if answer is None:
            await self._app(scope, _again(message, receive), send)
            return
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 200, "headers": [length, *_HEADERS]})
        await send({"type": "http.response.body", "body": answer})

    def _ordinary(self, scope: Scope) -> bool:
        """Whether no header needs the framework's judgement."""
        headers = dict(scope["headers"])
        return (
            headers.get(b"content-type") in _CONTENT_TYPES
            and b"content-encoding" not in headers
            and len(headers) == len(scope["headers"])
            and (not self._keys or self._is_known(headers.get(_KEY_HEADER, b"")))
        )

    def _is_known(self, sent: bytes) -> bool:
        # compare all keys, so that the response time does not reveal which one matches
        return sum(hmac.compare_digest(sent, key) for key in self._keys) > 0

    def _predict(self, message: Message, started: float) -> bytes | None:
        """The answer to a whole body with a valid encounter; None for any other."""
        body = message.get("body")
        if not body or message.get("more_body") or len(body) > self._max_body_bytes:
            return None
        try:
            models = self._models()
            answered = self._answer(body, models)
        except ReadmissionError:
            return None
        if self._log is not None and answered.event is not None:
            self._log.append(answered.event)
        self._tally.predicted(models, answered.probabilities, time.perf_counter() - started)
        if not self._publishing:
            self._publish_later()
        return answered.body

    def _publish_later(self) -> None:
        self._publishing = True
        asyncio.get_running_loop().call_later(PUBLISH_SECONDS, self._publish)

    def _publish(self) -> None:
        self._publishing = False
        self._tally.publish()


def _again(message: Message, receive: Receive) -> Receive:
    """``receive`` for the application, which gets the message that was already taken first."""
    messages: list[Any] = [message]

    async def receiving() -> Message:
        return messages.pop() if messages else await receive()

    return receiving
