"""The outermost middleware. It times and counts requests, and hides error texts that may contain a patient's data.

An answer to anything but a GET or HEAD is about a patient, so no cache may store it.
"""

import time
import traceback
from collections.abc import Collection
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from readmission.log import get_logger
from readmission.serving.errors import problem_response
from readmission.serving.metrics import Metrics

CLIENT_CLOSED_REQUEST = 499
NOT_COUNTED = frozenset({"/health", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"})
NO_STORE = (b"cache-control", b"no-store")
FAILED = problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says where")

log = get_logger(__name__)


class RequestMiddleware:
    """ASGI middleware. A path outside ``routes`` is counted as ``unmatched``, so that the metric's labels stay few."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, routes: Collection[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if scope["method"] not in ("GET", "HEAD"):
                    message = {**message, "headers": [*message.get("headers", ()), NO_STORE]}
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            log.info("client disconnected", path=self._route(scope))
        except Exception as error:  # noqa: BLE001 - an unexpected error becomes a 500
            event = {"path": self._route(scope), "error": type(error).__name__, "at": _where(error)}
            log.error("request failed", **event)  # noqa: TRY400 - an error text may contain a patient's values
            if not status:
                await FAILED(scope, receive, noting)
        finally:
            self._count(scope, status or CLIENT_CLOSED_REQUEST, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        if scope["path"] not in NOT_COUNTED:
            self._metrics.answered(self._route(scope), status, seconds)

    def _route(self, scope: Scope) -> str:
        if scope["path"] in self._routes:
            return str(scope["path"])
        # of a route with parameters, its pattern
        return str(getattr(scope.get("route"), "path", "unmatched"))


def _where(error: BaseException) -> list[str]:
    """The last calls before an error, without its text, which may contain a patient's values."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
