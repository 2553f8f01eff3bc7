"""uvicorn's HTTP protocol with bounds on what a client may hold: connections, and the time to send and to read."""

import asyncio
import time
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from readmission.http_contract import PROBLEM, problem_document
from readmission.log import get_logger
from readmission.serving.admission import ARRIVED
from readmission.serving.errors import HEADERS

log = get_logger(__name__)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. ``limit_concurrency`` of uvicorn's configuration is how many a worker keeps open.

    A client has ``HEAD_SECONDS`` from the connection's start, or the head's first byte, for the head of a request;
    then ``BODY_SECONDS`` for its body, and a second more for each ``SLOWEST_BODY`` bytes that have arrived; and
    ``UNREAD_SECONDS`` to read an answer that does not fit the buffers. While the server itself does not read, the
    client's time stands still.
    """

    HEAD_SECONDS = 10.0
    BODY_SECONDS = 20.0
    SLOWEST_BODY = 100_000
    UNREAD_SECONDS = 60.0
    GLANCE_SECONDS = 1.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As uvicorn makes it."""
        super().__init__(*args, **kwargs)
        # uvicorn's own check answers in plain text, and logs each refusal
        self._most_connections, self.limit_concurrency = self.limit_concurrency, None
        # since when the client owes the rest of a request; None: it owes nothing
        self._owes_since: float | None = None
        self._owes_body = False
        self._arrived_bytes = 0
        self._unread_since: float | None = None
        self._glance: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse the connection when there are too many."""
        super().connection_made(transport)
        if self._most_connections is not None and len(self.connections) > self._most_connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "the server has too many connections")
            return
        self._owes_since = time.monotonic()
        self._glance = self.loop.call_later(self.GLANCE_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._glance is not None:
            self._glance.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came. Only its first byte starts the client's time."""
        if self.transport.is_closing():
            return
        if self._owes_since is None:
            self._owes_since = time.monotonic()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Note that a head has begun; the request before it may have ended in the same bytes."""
        super().on_message_begin()
        if self._owes_since is None:
            self._owes_since = time.monotonic()

    def on_headers_complete(self) -> None:
        """Give the body its own time."""
        self._owes_since, self._owes_body, self._arrived_bytes = time.monotonic(), True, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the bytes: a larger body has more time."""
        self._arrived_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The client owes nothing more."""
        self._owes_since, self._owes_body = None, False
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Note since when the client does not read."""
        super().pause_writing()
        self._unread_since = time.monotonic()

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._unread_since = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.scope[ARRIVED] = time.perf_counter()  # type: ignore[literal-required]
        super()._start_asgi_task(cycle, app)

    def _look(self) -> None:
        now = time.monotonic()
        if self._unread_since is not None and now - self._unread_since > self.UNREAD_SECONDS:
            # close() would wait for the client to read
            self.transport.abort()
            return
        self._glance = self.loop.call_later(self.GLANCE_SECONDS, self._look)
        if self._owes_since is None or self.transport.is_closing():
            return
        if self._waits_for_us():
            self._owes_since = now
        elif now - self._owes_since > self._allowed_seconds():
            part = "body" if self._owes_body else "head"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the request's {part} did not arrive in time")

    def _waits_for_us(self) -> bool:
        """Whether the client cannot send on because of the server: it answers, or does not read."""
        answering = self.cycle is not None and not self.cycle.response_complete
        return self.flow.read_paused or (answering and not self._owes_body)

    def _allowed_seconds(self) -> float:
        if not self._owes_body:
            return self.HEAD_SECONDS
        return self.BODY_SECONDS + self._arrived_bytes / self.SLOWEST_BODY

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer, unless an answer has begun already, and close the connection."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_refusal(status, detail))
        log.info("connection closed", status=int(status), reason=detail)
        self.transport.close()


def _refusal(status: HTTPStatus, detail: str) -> bytes:
    body = to_json(problem_document(status, detail))
    headers = {"content-type": PROBLEM, "content-length": len(body), "connection": "close"} | HEADERS.get(status, {})
    lines = [f"HTTP/1.1 {int(status)} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
