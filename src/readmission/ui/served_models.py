"""What the inference service last said of its models, for all sessions of the page.

Streamlit draws the whole page at each interaction. A request at each of them would load the service, and a service
that hangs would freeze the form. So requests run in the background, and their answers and failures are kept for some
seconds.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, NamedTuple

from readmission.domain.horizon import HorizonName
from readmission.errors import SourceUnavailable

FRESH_SECONDS = 5
KEPT_SECONDS = 60
PATIENCE_SECONDS = 1

# what /model-info says of each horizon that is served, the primary first; None: it has no model
Models = Mapping[HorizonName, Mapping[str, Any] | None]


class _Request(NamedTuple):
    answer: Future[Models]
    begun: float


class ServedModels:
    """The last answer of ``ask``, which is asked again in the background after ``FRESH_SECONDS``."""

    def __init__(
        self,
        ask: Callable[[], Models],
        *,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``ask`` asks the service. ``patience`` is in seconds: see :meth:`models`."""
        self._ask = ask
        self._patience = patience
        self._clock = clock
        self._lock = Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="served-models")
        self._request: _Request | None = None
        self._finished: _Request | None = None

    def models(self) -> Models:
        """The answer or the error of the last request. At most one request is under way.

        A caller waits only when there is no last request, or it is older than ``KEPT_SECONDS``, and only until the
        request under way has lasted for ``patience``. Then it raises :class:`SourceUnavailable`.
        """
        now = self._clock()
        request, finished = self._requests(now)
        if finished is not None and now - finished.begun < KEPT_SECONDS:
            return finished.answer.result()
        try:
            return request.answer.result(timeout=max(0.0, request.begun + self._patience - now))
        except TimeoutError as error:
            raise SourceUnavailable("the inference API does not answer in time") from error

    def _requests(self, now: float) -> tuple[_Request, _Request | None]:
        """The newest request, which begins now when it is due, and the last one that has finished."""
        with self._lock:
            request = self._request
            if request is not None and request.answer.done():
                self._finished = request
            if request is None or (request is self._finished and now - request.begun >= FRESH_SECONDS):
                request = self._request = _Request(self._executor.submit(self._ask), now)
            return request, self._finished
