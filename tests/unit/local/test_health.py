import http.server
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread

import pytest

from readmission.local.health import NotHealthy, check, wait_healthy
from readmission.local.service import Health, Service


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as found:
        found.answer = (200, {})
        Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def service(server: http.server.HTTPServer, heartbeat: str | None = None) -> Service:
    health = Health(f"http://127.0.0.1:{server.server_port}/health", heartbeat)
    return Service("one", ("true",), health, ready_seconds=0.5)


def beat(at: float, status: str = "healthy") -> dict[str, dict[str, str]]:
    return {"scheduler": {"status": status, "latest_scheduler_heartbeat": datetime.fromtimestamp(at, UTC).isoformat()}}


def test_200_is_well(server):
    assert check(service(server)) is None


def test_another_answer_is_not(server):
    server.answer = (503, {})

    with pytest.raises(NotHealthy, match="answers 503"):
        check(service(server))


def test_no_answer_is_not(free_ports):
    nobody = Service("one", ("true",), Health(f"http://127.0.0.1:{free_ports(1)}/health"))

    with pytest.raises(NotHealthy, match="ConnectionRefusedError"):
        check(nobody)


def test_no_proxy_is_asked(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert check(service(server)) is None


def test_a_heartbeat_since_the_start_is_well(server):
    server.answer = (200, beat(2000.0))

    assert check(service(server, "scheduler"), started_at=1000.0) is None


def test_the_heartbeat_of_an_earlier_life_is_not(server):
    server.answer = (200, beat(2000.0))

    with pytest.raises(NotHealthy, match="has not sent a heartbeat yet"):
        check(service(server, "scheduler"), started_at=3000.0)


def test_an_unhealthy_component_is_not(server):
    server.answer = (200, beat(2000.0, "unhealthy"))

    with pytest.raises(NotHealthy, match="scheduler is unhealthy"):
        check(service(server, "scheduler"))


def test_a_mariadb_that_is_not_there_is_not_well(tmp_path):
    with pytest.raises(NotHealthy, match="no answer"):
        check(Service("mariadb", ("true",), Health(f"mariadb://{tmp_path}/no.sock")))


def test_waiting_ends_at_the_limit_with_the_last_reason(server):
    server.answer = (500, {})

    with pytest.raises(NotHealthy, match="answers 500"):
        wait_healthy(service(server), lambda: 0.0)


def test_waiting_ends_when_the_process_is_given_up(server):
    server.answer = (500, {})

    def given_up() -> float:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        wait_healthy(service(server), given_up)
