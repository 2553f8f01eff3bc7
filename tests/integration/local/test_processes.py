import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from readmission.local.processes import MARK, end_marked, mark_of, marked
from readmission.local.settings import instance_of

INSTANCE = f"processes-test-{os.getpid()}"
# a child in a session of its own, whose parent is gone, and which does not hear SIGTERM
ESCAPED = """
import os, signal, subprocess, sys, time
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "child"], start_new_session=True, stdout=subprocess.DEVNULL)
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(__file__ + ".deaf", "w").close()
    time.sleep(600)
"""


@pytest.fixture
def escaped(tmp_path: Path) -> Iterator[str]:
    script = tmp_path / "escaped.py"
    script.write_text(ESCAPED)
    mark = mark_of(INSTANCE, "service")
    subprocess.run([sys.executable, str(script)], env={**os.environ, MARK: mark}, check=True)
    while not Path(f"{script}.deaf").exists():
        time.sleep(0.01)
    yield mark
    end_marked(mark)


def test_a_process_that_left_its_parent_and_session_is_found(escaped):
    assert len(marked(escaped)) == 1


def test_it_is_ended_although_it_does_not_hear_a_request(escaped):
    (process,) = marked(escaped)

    ended = end_marked(escaped, grace_seconds=0.2)

    assert ended == [process.pid]
    assert marked(escaped) == []


def test_another_service_of_the_same_beginning_is_left_alone(escaped):
    end_marked(mark_of(INSTANCE, "serv"))

    assert len(marked(escaped)) == 1


def test_the_mark_of_an_instance_finds_its_services(escaped):
    assert [process.pid for process in marked(mark_of(INSTANCE))] == [process.pid for process in marked(escaped)]


def test_a_process_does_not_find_itself_and_its_ancestors(monkeypatch):
    mark = mark_of(INSTANCE, "self")
    monkeypatch.setenv(MARK, mark)
    code = f"from readmission.local.processes import marked; print(len(marked({mark!r})))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "0\n"


def test_two_homes_are_two_instances(tmp_path):
    assert instance_of(tmp_path / "a") != instance_of(tmp_path / "b")
    assert instance_of(tmp_path / "a") == instance_of(tmp_path / "b" / ".." / "a")


HIDDEN = """
import os, subprocess, sys
from readmission.local.processes import MARK, end_marked, marked

child = "import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); print('hidden', flush=True); time.sleep(600)"
parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
environment = {**os.environ, MARK: "processes-test/hidden/"}
process = subprocess.Popen([sys.executable, "-c", parent], env=environment, stdout=subprocess.PIPE, text=True)
process.stdout.readline()
found = marked("processes-test/hidden/")
end_marked("processes-test/hidden/")
print(len(found), len(marked("processes-test/hidden/")))
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_a_child_that_hides_its_environment_bears_the_mark_of_its_parent():
    # as root, only without its privileges is anything hidden
    privileges = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []

    done = subprocess.run([*privileges, sys.executable, "-c", HIDDEN], capture_output=True, text=True, check=False)

    assert done.stdout == "2 0\n", done.stderr
