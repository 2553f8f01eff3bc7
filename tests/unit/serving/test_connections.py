"""What a client may hold of the server, over real sockets. The limits are a hundredth of the real ones."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from readmission.serving.connections import BoundedProtocol
from readmission.serving.server import server_configuration
from readmission.settings import InferenceSettings

HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
MOST = 20


class QuickProtocol(BoundedProtocol):
    HEAD_SECONDS = 0.3
    BODY_SECONDS = 0.6
    SLOWEST_BODY = 10
    UNREAD_SECONDS = 0.4
    GLANCE_SECONDS = 0.05


async def application(scope, receive, send) -> None:
    """Answers when the body is whole; to /large with 50 MB."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
    body = b"x" * (50_000_000 if scope["path"] == "/large" else 2)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def server() -> Iterator[uvicorn.Server]:
    config = uvicorn.Config(
        application, port=0, http=QuickProtocol, limit_concurrency=MOST, lifespan="off", log_config=None
    )
    found = uvicorn.Server(config)
    thread = threading.Thread(target=found.run)
    thread.start()
    while not found.started:
        time.sleep(0.01)
    yield found
    found.should_exit = True
    thread.join(10)


@pytest.fixture
def connect(server, eventually):
    opened: list[socket.socket] = []

    def connecting() -> socket.socket:
        opened.append(socket.create_connection(server.servers[0].sockets[0].getsockname(), timeout=5))
        return opened[-1]

    eventually(lambda: not server.server_state.connections)
    yield connecting
    for one in opened:
        one.close()


def rest_of(connection: socket.socket) -> bytes:
    """All that still comes until the server closes the connection."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_heads_that_were_half_sent_are_closed(connect):
    started, connections = time.monotonic(), [connect() for _ in range(MOST)]
    for connection in connections:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost:")

    answers = [rest_of(connection) for connection in connections]

    assert time.monotonic() - started < 2
    assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)
    assert json.loads(answers[0].partition(b"\r\n\r\n")[2])["detail"] == "the request's head did not arrive in time"


@pytest.mark.parametrize("drip", [b"a", b"\r\n"], ids=["a letter", "an empty line"])
def test_a_head_that_drips_is_closed(connect, drip):
    connection = connect()
    connection.sendall(b"" if drip == b"\r\n" else b"GET /")
    started = time.monotonic()

    def send_until_closed() -> None:
        while time.monotonic() - started < 3:
            connection.sendall(drip)
            time.sleep(0.05)

    with pytest.raises(OSError):  # noqa: PT011 - a reset or a broken pipe
        send_until_closed()
    assert time.monotonic() - started < 2


def test_a_body_that_does_not_come_is_answered_with_408(connect):
    connection = connect()
    connection.sendall(HEAD + b"12345")

    assert rest_of(connection).startswith(b"HTTP/1.1 408")


def test_a_body_that_comes_slowly_but_comes_is_answered(connect):
    connection = connect()
    connection.sendall(HEAD)
    for _ in range(10):
        time.sleep(0.1)
        connection.sendall(b"x")

    assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_kept_connection_may_rest_between_requests_but_not_in_one(connect):
    connection = connect()
    for _ in range(2):
        connection.sendall(HEAD + b"0123456789")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        time.sleep(0.5)

    connection.sendall(b"POST")

    assert rest_of(connection).startswith(b"HTTP/1.1 408")


def test_an_answer_that_nobody_reads_is_given_up(connect, server, eventually):
    connection = connect()
    connection.sendall(HEAD.replace(b"echo", b"large") + b"0123456789")

    eventually(lambda: not server.server_state.connections)


def test_connections_are_bounded_and_the_next_one_is_told_so(connect):
    held = [connect() for _ in range(MOST)]
    for connection in held:
        connection.sendall(HEAD + b"0123456789")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")

    refused = rest_of(connect())

    assert refused.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 5" in refused.lower()
    held[0].sendall(HEAD + b"0123456789")
    assert held[0].recv(1000).startswith(b"HTTP/1.1 200")


def test_the_inference_server_has_these_bounds():
    config = server_configuration(InferenceSettings(max_connections=77))

    assert (config.http, config.limit_concurrency) == (BoundedProtocol, 77)
