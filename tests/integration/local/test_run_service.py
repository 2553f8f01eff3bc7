"""The parent of a service, tried with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from readmission.local.processes import MARK, end_marked, mark_of, marked
from readmission.local.service import Health, Service, save_services

MARK_OF_TEST = mark_of(f"run-service-test-{os.getpid()}", "one")
PATIENCE = 30


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the parent of a service whose program is a Python script."""
    started = []

    def start(script: str, **options: object) -> subprocess.Popen[bytes]:
        path = tmp_path / "program.py"
        path.write_text(f"import os, pathlib, signal, subprocess, sys, time\nhere = {str(tmp_path)!r}\n{script}")
        health = Health("http://127.0.0.1/")
        service = Service("one", (sys.executable, str(path)), health, **{"stop_seconds": 1.0, **options})
        save_services(tmp_path / "services.json", [service])
        command = [sys.executable, "-m", "readmission.local.run_service", str(tmp_path / "services.json"), "one"]
        started.append(subprocess.Popen(command, env={**os.environ, MARK: MARK_OF_TEST}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    end_marked(MARK_OF_TEST)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_it_ends_with_the_code_of_its_program(run):
    assert run("sys.exit(7)").wait(PATIENCE) == 7


def test_a_program_that_was_killed_gives_its_signal(run):
    assert run("os.kill(os.getpid(), signal.SIGKILL)").wait(PATIENCE) == 128 + signal.SIGKILL


def test_a_program_gets_its_environment_and_may_write_bytecode(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    script = (
        "pathlib.Path(here, 'seen').write_text(f\"{os.environ['WORD']} {'PYTHONDONTWRITEBYTECODE' in os.environ}\")"
    )

    run(script, environment={"WORD": "secret"}).wait(PATIENCE)

    assert (tmp_path / "seen").read_text() == "secret False"


def test_what_left_the_session_of_a_dead_program_ends_with_it(run):
    escaping = "subprocess.Popen(['sleep', '600'], start_new_session=True)"

    assert run(escaping).wait(PATIENCE) == 0

    assert marked(MARK_OF_TEST) == []


def test_a_request_to_stop_reaches_the_program(run, tmp_path):
    script = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
pathlib.Path(here, "up").touch()
time.sleep(600)
"""
    parent = run(script)
    wait_for((tmp_path / "up").exists)

    parent.terminate()

    assert parent.wait(PATIENCE) == 5


def test_a_program_that_does_not_stop_is_killed(run, tmp_path):
    script = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(here, "up").touch()
time.sleep(600)
"""
    parent = run(script)
    wait_for((tmp_path / "up").exists)

    parent.terminate()

    assert parent.wait(PATIENCE) == 128 + signal.SIGKILL


def test_a_new_life_ends_what_a_killed_parent_left_behind(run, tmp_path):
    script = "pathlib.Path(here, str(os.getpid())).touch()\ntime.sleep(600)"
    first = run(script)
    wait_for(lambda: [path for path in tmp_path.iterdir() if path.name.isdigit()])
    (orphan,) = [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()]
    first.kill()
    first.wait()

    run(script)

    wait_for(lambda: not psutil.pid_exists(orphan))
    wait_for(lambda: len(marked(MARK_OF_TEST)) == 2)


def test_losing_a_vital_child_ends_the_program(run, tmp_path):
    script = """
child = subprocess.Popen(["sleep", "600"])
pathlib.Path(here, "child").write_text(str(child.pid))
time.sleep(600)
"""
    parent = run(script, vital_children=True)
    wait_for(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    child = psutil.Process(int((tmp_path / "child").read_text()))
    wait_for(lambda: child.create_time() < time.time() - 13)

    child.kill()

    assert parent.wait(PATIENCE) == 128 + signal.SIGKILL


def test_a_short_task_of_a_program_is_no_vital_child(run):
    assert run("subprocess.run(['sleep', '3'])\ntime.sleep(2)", vital_children=True).wait(PATIENCE) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells of a parent's death on Linux only")
@pytest.mark.usefixtures("run")
def test_it_stops_when_its_supervisor_dies(tmp_path):
    save_services(tmp_path / "services.json", [Service("one", ("sleep", "600"), Health("http://127.0.0.1/"))])
    arguments = [sys.executable, "-m", "readmission.local.run_service", str(tmp_path / "services.json"), "one"]
    supervisor = f"import subprocess; subprocess.Popen({arguments!r}).wait()"

    with subprocess.Popen([sys.executable, "-c", supervisor], env={**os.environ, MARK: MARK_OF_TEST}) as process:
        wait_for(lambda: len(marked(MARK_OF_TEST)) == 3)
        process.kill()

    wait_for(lambda: marked(MARK_OF_TEST) == [])
