"""Counts predictions one by one. Prometheus' files cost more than a prediction, so they get many at a time."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from readmission.prediction.predict import Model

# a worker that is killed loses the counts of this time
PUBLISH_SECONDS = 0.5
# a bound on what is kept, and on how long publishing it holds up the requests
MAX_KEPT = 2000


class Sums(Protocol):
    """What the tally is published to: ``serving.metrics.Metrics``."""

    def predicted_many(self, live: Any, probabilities: Sequence[float], /) -> None:
        """Count the predictions of one model."""

    def answered_many(self, route: str, status: int, seconds: Sequence[float], /) -> None:
        """Count requests, and how long each took."""


class Tally:
    """Keeps what one thread counted until ``publish``."""

    def __init__(self, metrics: Sums, route: str) -> None:
        """``route``: that of all requests that :meth:`answered` counts; their status is 200."""
        self._metrics = metrics
        self._route = route
        self._models: Sequence[Model] = ()
        self._probabilities: list[list[float]] = []
        self._seconds: list[float] = []

    def predicted(self, models: Sequence[Model], probabilities: list[float]) -> None:
        """Count a prediction: its probability by each of ``models``."""
        if models is not self._models or len(self._probabilities) >= MAX_KEPT:
            self.publish()
            self._models = models
        self._probabilities.append(probabilities)

    def answered(self, seconds: float) -> None:
        """Count a request that was answered within ``seconds``."""
        self._seconds.append(seconds)

    def publish(self) -> None:
        """Add everything that was counted since the last call to the metrics."""
        probabilities, self._probabilities = self._probabilities, []
        seconds, self._seconds = self._seconds, []
        # a full disk may refuse to let the shared files grow; that must not fail a prediction that is logged already
        with suppress(OSError):
            if probabilities:
                for live, column in zip(self._models, zip(*probabilities, strict=True), strict=True):
                    self._metrics.predicted_many(live, column)
            if seconds:
                self._metrics.answered_many(self._route, 200, seconds)

    async def keep_publishing(self) -> None:
        """Publish every ``PUBLISH_SECONDS``, until the task is cancelled."""
        while True:
            await asyncio.sleep(PUBLISH_SECONDS)
            self.publish()
