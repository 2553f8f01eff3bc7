import asyncio

import pytest
from starlette.requests import ClientDisconnect

from readmission.serving.metrics import Metrics
from readmission.serving.middleware import RequestMiddleware

SCOPE = {"type": "http", "path": "/predict", "method": "POST"}


def call(error: Exception, scope: dict[str, str] = SCOPE) -> tuple[list[dict[str, object]], str]:
    """What is sent when the application fails, and the metrics afterwards."""

    async def failing(*_: object) -> None:
        raise error

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    metrics = Metrics()
    asyncio.run(RequestMiddleware(failing, metrics=metrics, routes={"/predict"})(scope, None, send))
    return sent, metrics.exposition().decode()


def test_an_error_that_nobody_foresaw_is_a_500_problem_that_tells_nothing(capsys):
    sent, metrics = call(ValueError("Secret Name"))

    assert sent[0]["status"] == 500
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    assert b"Secret" not in sent[1]["body"]
    assert "Secret" not in "".join(capsys.readouterr())
    assert 'requests_total{route="/predict",status="500"} 1.0' in metrics


def test_a_client_that_leaves_gets_no_answer():
    sent, metrics = call(ClientDisconnect())

    assert not sent
    assert 'status="499"' in metrics


@pytest.mark.parametrize("path", ["/etc/passwd", "/predict/", "/%00", "/x" * 1000])
def test_paths_that_do_not_exist_share_one_label(path):
    _, metrics = call(ValueError(), SCOPE | {"path": path})

    assert 'route="unmatched"' in metrics
    assert path not in metrics
