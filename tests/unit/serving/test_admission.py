import asyncio
import json
import time

import pytest

from readmission.serving.admission import ARRIVED, Admission
from readmission.serving.metrics import Metrics


async def answering(_scope, _receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def failing(_scope, _receive, _send) -> None:
    raise ValueError("Secret Name")


def call(app, waited: float, method: str = "POST") -> tuple[list[dict], str]:
    """What is sent to a request that waited so many seconds, and the metrics afterwards."""
    sent: list[dict] = []

    async def send(message) -> None:
        sent.append(message)

    metrics = Metrics()
    scope = {"type": "http", "method": method, "path": "/predict", ARRIVED: time.perf_counter() - waited}
    asyncio.run(Admission(app, metrics=metrics, max_wait_seconds=0.1)(scope, None, send))
    return sent, metrics.exposition().decode()


def test_a_request_that_waited_too_long_is_refused_and_counted():
    sent, metrics = call(answering, waited=0.2)

    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == json.loads(sent[1]["body"])["status"] == 503
    assert (headers[b"retry-after"], headers[b"cache-control"]) == (b"5", b"no-store")
    assert "readmission_http_requests_shed_total 1.0" in metrics


@pytest.mark.parametrize(("waited", "method"), [(0.0, "POST"), (0.2, "GET")])
def test_a_request_in_time_and_a_probe_are_answered(waited, method):
    sent, metrics = call(answering, waited, method)

    assert sent[0]["status"] == 200
    assert "readmission_http_requests_shed_total 0.0" in metrics


def test_an_error_before_any_other_middleware_is_a_problem_document(capsys):
    sent, _ = call(failing, waited=0.0)

    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    assert "Secret" not in "".join(capsys.readouterr())
