"""Counts the fast path's predictions. Prometheus' files cost more than a prediction, so it gets many at a time."""

from collections.abc import Sequence
from typing import Protocol

from readmission.prediction.predict import Model

# a worker that is killed loses the counts of this time
PUBLISH_SECONDS = 0.5
# a bound on what is kept, and on how long publishing it holds up the requests
MAX_KEPT = 2000


class Sums(Protocol):
    """What the tally is published to: ``serving.metrics.Metrics``."""

    def predicted_many(self, live: Model, probabilities: Sequence[float], /) -> None:
        """Count the predictions of one model."""

    def answered_many(self, route: str, status: int, seconds: Sequence[float], /) -> None:
        """Count requests, and how long each took."""


class Tally:
    """Keeps what one thread counted until ``publish``. ``route`` and status 200 belong to every request."""

    def __init__(self, metrics: Sums, route: str) -> None:
        self._metrics = metrics
        self._route = route
        self._models: Sequence[Model] = ()
        self._probabilities: list[list[float]] = []
        self._seconds: list[float] = []

    def predicted(self, models: Sequence[Model], probabilities: list[float], seconds: float) -> None:
        """Count an answered request: its probability by each of ``models``, and its duration."""
        if models is not self._models or len(self._seconds) >= MAX_KEPT:
            self.publish()
            self._models = models
        self._probabilities.append(probabilities)
        self._seconds.append(seconds)

    def publish(self) -> None:
        """Add everything that was counted since the last call to the metrics."""
        if self._seconds:
            for live, probabilities in zip(self._models, zip(*self._probabilities, strict=True), strict=True):
                self._metrics.predicted_many(live, probabilities)
            self._metrics.answered_many(self._route, 200, self._seconds)
            self._probabilities, self._seconds = [], []
