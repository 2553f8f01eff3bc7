import base64

import pytest
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from readmission.tracking.access import AccessControl, Account

ACCOUNTS = [Account("writer", SecretStr("pass:wörd"), may_write=True), Account("reader", SecretStr("other"), False)]


@pytest.fixture
def client():
    return TestClient(AccessControl(PlainTextResponse("passed on"), ACCOUNTS))


def basic(credentials: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_account_that_may_write_is_passed_on_whatever_it_does(client, method):
    answer = client.request(method, "/anything", headers=basic("writer:pass:wörd"))

    assert (answer.status_code, answer.text) == (200, "passed on")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_account_that_may_only_read_is_passed_on_when_it_reads(client, method):
    assert client.request(method, "/anything", headers=basic("reader:other")).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_account_that_may_only_read_may_not_write(client, method):
    assert client.request(method, "/anything", headers=basic("reader:other")).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer other"},
        basic(""),
        basic(":"),
        basic("reader"),
        basic("reader:"),
        basic("reader:wrong"),
        basic("writer:other"),
        basic("READER:other"),
    ],
)
def test_a_request_without_the_password_of_an_account_is_asked_to_sign_in(client, headers):
    answer = client.get("/anything", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_the_health_check_needs_no_password(client):
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/healthy", "/health/", "/health/../api", "//health", "/static-files/health"])
def test_a_path_that_looks_like_the_health_check_needs_one(client, path):
    assert client.get(path).status_code == 401


def test_a_web_socket_is_closed(client):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/health"):
        pass
