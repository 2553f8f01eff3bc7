"""Drills of the log over HTTP: a counted stream goes to a real server; every id answered is in the table once."""

import http.client
import json
import signal
import threading
import time
from contextlib import contextmanager

import pytest
from private_mysql import private_mariadb, without_predictions
from sqlalchemy import text

from direct_connection import connect
from readmission.domain.example import EXAMPLE
from readmission.prediction.log.segment import segments

pytestmark = pytest.mark.usefixtures("published", "published_30d")

JSON = {"Content-Type": "application/json"}
BODY = json.dumps(EXAMPLE)
CALLERS = 4
LOAD_SECONDS = 1.0


@pytest.fixture(scope="module")
def database_server(tmp_path_factory, free_ports):
    with private_mariadb(tmp_path_factory.mktemp("mariadb"), free_ports(1)) as started:
        yield started


@pytest.fixture
def table(database_server):
    with without_predictions(database_server) as database:
        yield database


@pytest.fixture
def serve_logged(serve, database_server):
    """``with serve_logged() as server``: two workers that log to the table."""
    return lambda **settings: serve(inference_workers=2, inference_database_url=database_server.url(), **settings)


def stored(database) -> list[str]:
    with connect(database) as connection:
        return list(connection.scalars(text("SELECT prediction_id FROM predictions")))


class Stream:
    """Callers that predict over and over. ``answered``: the ids that they got; ``broken``: how many requests failed."""

    def __init__(self, port: int) -> None:
        self.answered: list[str] = []
        self.broken = 0
        self.slowest = 0.0
        self._port = port
        self._done = threading.Event()
        self._callers = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def __enter__(self):
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for caller in self._callers:
            caller.join()

    def _call(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._done.is_set():
            began = time.monotonic()
            try:
                connection.request("POST", "/predict", BODY, JSON)
                answer = json.loads(connection.getresponse().read())
            except (OSError, http.client.HTTPException):
                self.broken += 1
                connection.close()
                self._done.wait(0.05)
            else:
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.answered.append(answer["prediction_id"])
        connection.close()


@contextmanager
def streaming(server, seconds=LOAD_SECONDS):
    """Load for some seconds before, inside and after the block."""
    with Stream(server.port) as stream:
        time.sleep(seconds)
        yield stream
        time.sleep(seconds)


def assert_nothing_lost_or_doubled(streams, table, *, unanswered=0):
    answered, found = {name for stream in streams for name in stream.answered}, stored(table)
    assert len(answered) > 50
    assert len(found) == len(set(found))
    assert answered - set(found) == set()
    # a worker may be killed between the append and the answer
    assert len(set(found) - answered) <= unanswered


def landed(server) -> bool:
    return segments(server.serving_dir / "prediction-log") == []


def test_sigterm_under_load_leaves_nothing_behind(serve_logged, table):
    with serve_logged() as server, Stream(server.port) as stream:
        time.sleep(LOAD_SECONDS)

        assert server.stop() == 0

    assert landed(server)
    assert_nothing_lost_or_doubled([stream], table, unanswered=CALLERS)


def test_kill_9_of_a_worker_and_then_of_everything_and_a_new_start(serve_logged, table, eventually):
    with serve_logged() as server, Stream(server.port) as stream:
        time.sleep(LOAD_SECONDS)
        server.workers()[0].kill()
        time.sleep(LOAD_SECONDS)
        for process in (server.process, *server.workers()):
            process.kill()

    with serve_logged() as again:
        eventually(lambda: landed(again), "the segments of the dead have landed", again.log)

    assert_nothing_lost_or_doubled([stream], table, unanswered=2 * CALLERS)


def test_a_database_that_hangs_and_dies_holds_up_no_answer(serve_logged, table, database_server, eventually):
    with serve_logged() as server:
        with streaming(server) as stream:
            database_server.process.send_signal(signal.SIGSTOP)
            time.sleep(LOAD_SECONDS)
            database_server.kill()
            time.sleep(LOAD_SECONDS)
            waiting = server.samples("readmission_prediction_log_records").popitem()[1]
            database_server.start()
        eventually(
            lambda: sum(server.samples("readmission_prediction_log_shipped_total").values()) >= len(stream.answered),
            "all are shipped",
            server.log,
        )

    assert stream.broken == 0
    assert stream.slowest < 5
    assert waiting > 10
    assert_nothing_lost_or_doubled([stream], table)


def test_a_log_that_is_full_fails_no_answer_and_counts_what_it_lost(serve_logged, table):
    with serve_logged(prediction_log_total_bytes=3000) as server, streaming(server, 0.5) as stream:
        lost = sum(server.samples("readmission_prediction_log_lost_total").values())

    assert stream.broken == 0
    assert lost > 0
    assert set(stored(table)) < set(stream.answered)


def test_an_outcome_is_taken_while_its_prediction_still_waits(serve_logged, table):
    with serve_logged(prediction_log_segment_seconds=600) as server:
        name = server.predict(EXAMPLE).document["prediction_id"]

        answer = server.call("POST", "/outcomes", {"prediction_id": name, "days_until_readmission": 0}, JSON)

    assert answer.status == 200
    assert stored(table) == [name]
