"""A real supervisord with two small services: start, restart, change, stop, reset."""

import http.server
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import psutil
import pytest
from rich.console import Console

from readmission.errors import NotFound
from readmission.local.down import down, reset
from readmission.local.environment import base_environment
from readmission.local.graph import Step
from readmission.local.instance import Busy, Instance
from readmission.local.plan import Plan
from readmission.local.processes import end_marked, marked
from readmission.local.report import Report
from readmission.local.service import Health, Service, save_services
from readmission.local.settings import LocalSettings
from readmission.local.startup import ServiceFailed, Startup
from readmission.local.status import show_log, statuses
from readmission.local.supervisor import SupervisorDown

PATIENCE = 30


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    found = Instance(LocalSettings(readmission_home=tmp_path / "home"))
    yield found
    end_marked(found.mark)


@pytest.fixture
def report() -> Report:
    return Report(Console(quiet=True))


@pytest.fixture
def web(free_ports: Callable[[int], int]) -> Service:
    port = free_ports(1)
    command = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    return Service("web", command, Health(f"http://127.0.0.1:{port}/"), {"WORD": "one"}, {"HTTP": port}, stop_seconds=1)


def start(instance: Instance, report: Report, *services: Service, steps: tuple[Step, ...] = ()) -> None:
    with instance.locked():
        supervisor = instance.supervisor
        save_services(supervisor.services_file, services)
        supervisor.configure(services)
        supervisor.start(base_environment())
        supervisor.reload()
        Startup(supervisor, report).run(Plan({}, services=list(services), steps=list(steps)))


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_a_started_service_is_well_and_a_killed_one_comes_back(instance, report, web):
    start(instance, report, web)
    (before,) = statuses(instance)

    for process in psutil.Process(before.pid).children():
        process.kill()

    assert before.is_well
    wait_for(lambda: (now := statuses(instance)[0]).is_well and now.pid != before.pid)


def test_a_service_that_ends_again_and_again_is_named_with_its_last_words(instance, report):
    script = "print('no such table: patients'); raise SystemExit(3)"
    broken = Service("broken", (sys.executable, "-c", script), Health("http://127.0.0.1:1/"))

    with pytest.raises(ServiceFailed, match=r"(?s)broken did not get ready.*no such table: patients"):
        start(instance, report, broken)


def test_a_service_that_never_gets_well_is_given_up(instance, report):
    silent = Service("silent", ("sleep", "600"), Health("http://127.0.0.1:1/"), ready_seconds=1)

    with pytest.raises(ServiceFailed, match="silent did not get ready"):
        start(instance, report, silent)


def test_an_error_in_the_work_before_names_that_work(instance, report, web):
    def work() -> None:
        raise LookupError("nothing found")

    with pytest.raises(LookupError) as error:
        start(instance, report, web, steps=(Step("prepare", work),))

    assert error.value.__notes__ == ["in the step prepare"]


def test_a_service_that_is_no_longer_wanted_is_stopped(instance, report, web):
    start(instance, report, web)

    start(instance, report, Service("other", ("sleep", "600"), web.health), steps=(Step("serve", _answer(web)),))

    assert [status.service.name for status in statuses(instance)] == ["other"]
    assert marked(f"{instance.mark}web/") == []


def _answer(service: Service) -> Callable[[], None]:
    """Answer once on the service's port, when it is free."""

    def serve() -> None:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        server = http.server.HTTPServer(("127.0.0.1", service.ports["HTTP"]), Answer)
        Thread(target=server.serve_forever, daemon=True).start()

    return serve


def test_down_leaves_nothing_and_keeps_the_data(instance, report, web):
    start(instance, report, web)

    down(instance, report)

    assert marked(instance.mark) == []
    assert statuses(instance)[0].health == "does not run"
    assert instance.supervisor.log_of("web").exists()


def test_down_where_nothing_was_started_is_no_error(instance, report):
    down(instance, report)

    assert not instance.supervisor.is_running()


def test_down_ends_what_a_dead_supervisor_left(instance, report, web):
    start(instance, report, web)
    for process in marked(f"{instance.mark}supervisord/"):
        process.kill()

    down(instance, report)

    assert marked(instance.mark) == []


def test_after_the_death_of_the_supervisor_a_start_repairs(instance, report, web):
    start(instance, report, web)
    for process in marked(f"{instance.mark}supervisord/"):
        process.kill()
    wait_for(lambda: not instance.supervisor.is_running())

    start(instance, report, web)

    assert statuses(instance)[0].is_well


def test_without_a_supervisor_a_request_says_so(instance):
    with pytest.raises(SupervisorDown):
        instance.supervisor.states()


def test_reset_deletes_what_is_ours_and_nothing_else(instance, report, web):
    start(instance, report, web)
    (instance.local.home / "secrets").mkdir()
    (instance.local.home / "my-notes.txt").write_text("mine")

    reset(instance, report)

    assert {path.name for path in instance.local.home.iterdir()} == {"my-notes.txt", ".lock"}
    assert marked(instance.mark) == []


def test_two_commands_at_once_do_not_mix(instance, report):
    with instance.locked(), pytest.raises(Busy, match="is at work here"):
        down(Instance(instance.local), report)


def test_a_home_with_a_very_long_path_works(tmp_path, report, web):
    instance = Instance(LocalSettings(readmission_home=tmp_path / ("long" * 40)))

    try:
        start(instance, report, web)
        well = [status.is_well for status in statuses(instance)]
    finally:
        reset(instance, report)

    assert well == [True]
    assert len(os.fsencode(instance.supervisor.socket)) < 100


def test_an_unknown_log_is_answered_with_the_names_that_there_are(instance, report, web):
    start(instance, report, web)

    with pytest.raises(NotFound, match="web, supervisord"):
        show_log(instance, "nonsense", lines=1, follow=False)
