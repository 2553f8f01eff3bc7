"""The outermost ASGI callable: refuses a request that has waited too long, and lets no error out as plain text."""

import time
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from readmission.log import get_logger
from readmission.serving.errors import HEADERS, problem_response
from readmission.serving.metrics import Metrics
from readmission.serving.middleware import FAILED, NO_STORE

# the key of the scope that holds when the server handed the request to the event loop, by time.perf_counter
ARRIVED = "readmission.arrived"
_BUSY = problem_response(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "the server has more requests than it can answer in time",
    HEADERS[HTTPStatus.SERVICE_UNAVAILABLE] | {name.decode(): value.decode() for name, value in [NO_STORE]},
)

log = get_logger(__name__)


class Admission:
    """ASGI middleware. Beyond what a worker can do, requests wait for their turn in its event loop.

    The wait is bounded instead of the requests in flight: requests that wait for their body cost nothing. Only POST
    is refused, so that probes and scrapes are answered under any load. A server that does not say when a request
    arrived has no bound.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_wait_seconds: float) -> None:
        self._app = app
        self._metrics = metrics
        self._max_wait_seconds = max_wait_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with 503, or pass the request on."""
        if ARRIVED in scope and self._is_late(scope):
            self._metrics.shed.inc()
            await _BUSY(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            # an error text may contain a patient's values
            log.error("request failed", error=type(error).__name__)  # noqa: TRY400
            # raises when an answer has begun; the server then closes the connection
            await FAILED(scope, receive, send)

    def _is_late(self, scope: Scope) -> bool:
        return bool(time.perf_counter() - scope[ARRIVED] > self._max_wait_seconds and scope["method"] == "POST")
