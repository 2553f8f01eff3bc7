"""Prometheus metrics of the data API."""

import time

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from readmission.data_api.publication import Publication

_QUIET = ("/health", "/metrics")
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Metrics:
    """The metrics of one application. Requests to ``/health`` and ``/metrics`` are not counted."""

    def __init__(self, registry: CollectorRegistry, publication: Publication) -> None:
        self._registry = registry
        self.requests = Counter(
            "data_api_requests_total", "Requests by route and status.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "data_api_request_duration_seconds", "Time until the response starts.", ["route"], registry=registry
        )
        self.batches = Counter(
            "data_api_batches_handed_out_total", "Batches handed out.", ["representation"], registry=registry
        )
        Gauge("data_api_batches_published", "Batches published now.", registry=registry).set_function(
            lambda: publication.published
        )
        Gauge("data_api_batches_total", "Batches that the source has.", registry=registry).set(publication.total)

    def watch(self, app: Flask) -> None:
        """Count and time every request of ``app``."""
        app.before_request(_start)
        app.after_request(self._finish)

    def exposition(self) -> Response:
        """The response with all metrics in Prometheus' text format."""
        return Response(generate_latest(self._registry), content_type=CONTENT_TYPE_LATEST)

    def _finish(self, response: Response) -> Response:
        if request.path not in _QUIET:
            # unknown paths and methods share one label, because callers could invent any number of them
            route = request.url_rule.rule if request.url_rule else "unknown"
            method = request.method if request.method in _METHODS else "unknown"
            self.requests.labels(method, route, str(response.status_code)).inc()
            self.seconds.labels(route).observe(time.perf_counter() - g.started)
        return response


def _start() -> None:
    g.started = time.perf_counter()
