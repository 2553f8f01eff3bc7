"""Prometheus metrics of the inference API. Workers share them through files in ``PROMETHEUS_MULTIPROC_DIR``."""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from readmission.domain.horizon import HorizonName
from readmission.prediction.answer import RISK_BANDS
from readmission.serving.live_model import LiveModel
from readmission.serving.run_dir import MULTIPROCESS_DIR

CONTENT_TYPE = CONTENT_TYPE_LATEST
LATENCY_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
RELOAD_RESULTS = ("loaded", "invalid", "untrusted", "unavailable")
PROBABILITIES = tuple(step / 20 for step in range(1, 21))

_LIVE_FILE = re.compile(r"gauge_live\w*_(\d+)\.db")


class Metrics:
    """The metrics of one application. Durations are in seconds, Prometheus' base unit."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._children: dict[tuple[Any, tuple[str, ...]], Any] = {}
        self.requests = Counter(
            "readmission_http_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self.duration = Histogram(
            "readmission_http_request_duration_seconds",
            "Time from a request's head to its answer's end.",
            ["route"],
            buckets=LATENCY_SECONDS,
            registry=self._registry,
        )
        self.predictions = Counter(
            "readmission_predictions",
            "Encounters predicted.",
            ["horizon", "model_version", "risk_band"],
            registry=self._registry,
        )
        self.probability = Histogram(
            "readmission_prediction_probability",
            "Predicted probabilities of readmission.",
            ["horizon", "model_version"],
            buckets=PROBABILITIES,
            registry=self._registry,
        )
        self.refused_rows = Counter(
            "readmission_batch_rows_refused", "Rows of batches refused for their values.", registry=self._registry
        )
        self.model_info = Gauge(
            "readmission_model_info",
            "Workers that serve a model version.",
            ["horizon", "model_name", "model_version", "data_source", "candidate", "calibrated"],
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self.reloads = Counter(
            "readmission_model_reloads",
            "Attempts to load another model version.",
            ["horizon", "result"],
            registry=self._registry,
        )
        self.log_lost = Counter(
            "readmission_prediction_log_lost",
            "Predictions answered but not written to the log.",
            registry=self._registry,
        )
        self.log_handler_failures = Counter(
            "readmission_log_handler_failures",
            "Events of the process that its log's output did not take.",
            registry=self._registry,
        )
        self.shed = Counter(
            "readmission_http_requests_shed",
            "Requests refused with 503 because they had waited too long for the worker.",
            registry=self._registry,
        )
        # of the whole server, read at each scrape
        self._shared: list[Collector] = []
        # brings what a worker has counted elsewhere into these metrics
        self._publishers: list[Callable[[], None]] = []

    def add(self, collector: Collector) -> None:
        """Show what a collector measures for all workers at the time of a scrape."""
        self._shared.append(collector)

    def before_scrape(self, publish: Callable[[], None]) -> None:
        """Call ``publish`` before each scrape."""
        self._publishers.append(publish)

    def follows(self, horizon: HorizonName) -> None:
        """Show the reloads of a horizon from the start: an alert needs to see the first one as an increase from 0."""
        for result in RELOAD_RESULTS:
            self.reloads.labels(horizon, result)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one request and record how long it took."""
        self._child(self.requests, route, str(status)).inc()
        self._child(self.duration, route).observe(seconds)

    def predicted_many(self, live: LiveModel, probabilities: Sequence[float] | np.ndarray) -> None:
        """Count predictions of one model version, by risk band and probability (0 to 1)."""
        horizon, version, metadata = live.horizon, live.version.version, live.metadata
        values = np.asarray(probabilities, np.float64)
        observe_many(self._child(self.probability, horizon, version), PROBABILITIES, values)
        band_of = (values >= metadata.risk_band_medium).astype(np.int64) + (values >= metadata.risk_band_high)
        for band, count in zip(RISK_BANDS, np.bincount(band_of, minlength=len(RISK_BANDS)).tolist(), strict=True):
            if count:
                self._child(self.predictions, horizon, version, band).inc(count)

    def answered_many(self, route: str, status: int, seconds: Sequence[float]) -> None:
        """Count many requests with the same route and status, and record how long each took."""
        self._child(self.requests, route, str(status)).inc(len(seconds))
        observe_many(self._child(self.duration, route), LATENCY_SECONDS, seconds)

    def model_swapped(self, previous: LiveModel | None, live: LiveModel | None) -> None:
        """Record that this worker now serves ``live`` and no longer ``previous``; None is no model."""
        # the files that the workers share cannot drop a series, so the old one is set to 0
        if previous is not None:
            self.model_info.labels(*_model_labels(previous)).set(0)
        if live is not None:
            self.model_info.labels(*_model_labels(live)).set(1)

    def _child(self, metric: Any, *labels: str) -> Any:
        # the library's labels() validates and locks on each call, and every request comes through here
        key = (metric, labels)
        if (child := self._children.get(key)) is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def exposition(self) -> bytes:
        """The metrics of all workers in Prometheus' text format."""
        for publish in self._publishers:
            publish()
        shared = CollectorRegistry()
        for collector in self._shared:
            shared.register(collector)
        if MULTIPROCESS_DIR not in os.environ:
            return generate_latest(self._registry) + generate_latest(shared)
        forget_dead_workers()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)


def observe_many(histogram: Any, bounds: Sequence[float], values: Sequence[float] | np.ndarray) -> None:
    """Observe many values at once. ``bounds``: the upper bounds of the histogram's buckets but the last, ascending."""
    # observe() locks and writes to the shared file twice for each value; the library has no call for many
    for bucket, count in enumerate(np.bincount(np.searchsorted(bounds, values)).tolist()):
        if count:
            histogram._buckets[bucket].inc(count)
    histogram._sum.inc(float(np.sum(values)))


def forget_dead_workers() -> None:
    """Remove the live gauges of dead workers. Their counters stay, because a counter must not decrease."""
    folder = os.environ.get(MULTIPROCESS_DIR)
    for path in Path(folder).iterdir() if folder else ():
        if (match := _LIVE_FILE.fullmatch(path.name)) and not _is_alive(int(match[1])):
            # another worker that is scraped at the same time may delete the file first
            with suppress(FileNotFoundError):
                mark_process_dead(int(match[1]))  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # the process ended, or another user's process has its number now
        return False
    return True


def _model_labels(live: LiveModel) -> tuple[str, ...]:
    metadata, version = live.metadata, live.version
    calibrated = str(metadata.calibrated).lower()
    return live.horizon, version.name, version.version, metadata.data_source, metadata.candidate, calibrated
