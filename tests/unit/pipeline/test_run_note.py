"""Writing the note of a run, against a server that answers as Airflow does."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from structlog.testing import capture_logs

from readmission.adapters.airflow_api import NOTE_CHARACTERS
from readmission.pipeline.run_note import RunNote, merged
from readmission.settings import PipelineSettings

RUN = "manual__2026-11-24T12:00:00+00:00"


class Airflow(ThreadingHTTPServer):
    """Gives a token for the right password, and keeps the notes that come with it; ``answer`` replaces every answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.notes: dict[str, str] = {}
        self.answer: bytes | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self._answer(
            201 if self._body() == {"username": "pipeline", "password": "right"} else 401, {"access_token": "t"}
        )

    def do_GET(self):
        return self._answer(200, {"note": self.server.notes.get(self.path)})

    def do_PATCH(self):
        if self.headers["Authorization"] != "Bearer t":
            return self._answer(401, {})
        self.server.notes[self.path] = self._body()["note"]
        return self._answer(200, {})

    def _body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, status, document):
        body = self.server.answer or json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def airflow():
    with Airflow() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def written(url, password, text="no new data"):
    """The events of a note that is written with these settings."""
    settings = PipelineSettings(airflow_api_url=url, airflow_api_password=password)
    with capture_logs() as events:
        RunNote(settings, lambda: ("diabetes", RUN)).write({"fetch": text})
    return events


def test_the_note_is_on_the_run(airflow):
    assert written(airflow.url, "right") == []

    assert airflow.notes == {f"/api/v2/dags/diabetes/dagRuns/{RUN}": "fetch: no new data"}


def test_a_note_that_is_longer_than_airflow_takes_is_cut_off(airflow):
    written(airflow.url, "right", "x" * 1500)

    assert [len(note) for note in airflow.notes.values()] == [1000]


def test_a_line_is_added_and_replaces_the_one_of_its_subject(airflow):
    note = RunNote(PipelineSettings(airflow_api_url=airflow.url, airflow_api_password="right"), lambda: ("d", RUN))

    note.add({"register any": "failed", "register within_30_days": "failed"})
    note.add({"register any": "failed again", "within_30_days": "version 1 promoted"})

    assert list(airflow.notes.values()) == [
        "register within_30_days: failed\nregister any: failed again\nwithin_30_days: version 1 promoted"
    ]


def test_of_a_note_that_is_too_long_every_line_keeps_its_beginning():
    note = merged("", {"any": "a" * 900, "signal": "short", "within_30_days": "b" * 900})

    assert len(note) <= NOTE_CHARACTERS
    assert [line[:10] for line in note.splitlines()] == ["any: aaaaa", "signal: sh", "within_30_"]


def test_a_text_of_several_lines_stays_one_line():
    assert merged("", {"any": "no\n  data"}) == "any: no data"


def test_without_the_address_no_note_is_written_and_nothing_is_said():
    assert written(None, None) == []


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_refused_note_is_a_warning_that_repeats_the_reason_of_the_run(airflow, password):
    [event] = written(airflow.url, password)

    assert (event["log_level"], event["note"]) == ("warning", "fetch: no new data")
    assert airflow.notes == {}


@pytest.mark.parametrize("answer", [b"<html>", b'{"detail": "another program"}'])
def test_an_address_where_another_program_answers_is_a_warning(airflow, answer):
    airflow.answer = answer

    assert [event["log_level"] for event in written(airflow.url, "right")] == ["warning"]


def test_an_airflow_that_does_not_listen_is_a_warning(free_ports):
    assert [event["log_level"] for event in written(f"http://127.0.0.1:{free_ports(1)}", "right")] == ["warning"]
