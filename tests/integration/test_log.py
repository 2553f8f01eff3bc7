import json
import subprocess
import sys

import pytest

SCRIPT = """
from readmission.log import configure_logging, get_logger

log = get_logger("here")
configure_logging(json={json})
log.debug("too small to tell")
log.info("batch stored", batch=3, rows=15000)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
"""


def _run(json_):
    # a process of its own: logging is set up once in a process
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(json=json_)], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


@pytest.fixture(scope="module")
def json_events():
    return [json.loads(line) for line in _run(True).splitlines()]


def test_an_event_is_one_line_of_json_with_its_fields(json_events):
    stored = json_events[0]

    assert stored["event"] == "batch stored"
    assert (stored["batch"], stored["rows"]) == (3, 15000)
    assert (stored["level"], stored["component"]) == ("info", "here")
    assert stored["timestamp"].endswith("Z")


def test_debug_events_are_left_out(json_events):
    assert [event["event"] for event in json_events] == ["batch stored", "failed"]


def test_an_exception_stays_in_its_event(json_events):
    assert "ZeroDivisionError" in json_events[1]["exception"]


def test_json_is_written_when_nobody_watches():
    assert json.loads(_run(None).splitlines()[0])["event"] == "batch stored"


def test_text_can_be_asked_for():
    shown = _run(False)

    assert "batch stored" in shown
    with pytest.raises(json.JSONDecodeError):
        json.loads(shown.splitlines()[0])
