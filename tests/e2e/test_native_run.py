"""The native run: started, used, killed and stopped."""

import os
import socket
import time
from typing import Any

import httpx
import psutil
import pytest

from readmission.domain.example import EXAMPLE
from readmission.domain.horizon import HORIZON_NAMES
from readmission.local.ports import is_free
from readmission.local.processes import marked
from readmission.local.status import statuses
from readmission.services import SERVICES

BACK_SECONDS = 120  # a limit for slow machines, not a measurement


@pytest.fixture
def started(platform: Any) -> dict[str, int]:
    """The process of each service that this machine has the program for."""
    return platform.pids()


def test_it_ends_with_a_first_prediction_of_a_synthetic_model(platform):
    answer = httpx.post(f"{platform.url('inference-api')}/predict", json=EXAMPLE)

    assert "first prediction" in platform.output
    assert "SYNTHETIC DATA" in platform.output
    assert answer.status_code == httpx.codes.OK
    assert [risk["horizon"] for risk in answer.json()["risks"]] == list(HORIZON_NAMES)
    assert [risk for risk in answer.json()["risks"] if not 0 < risk["probability"] < 1] == []


def test_every_service_says_that_it_is_well(platform, started):
    done = platform.command("status")

    assert done.returncode == 0, done.stdout
    assert [name for name in started if name not in done.stdout] == []


def test_every_metrics_route_of_the_catalogue_is_scraped(platform, started):
    if "prometheus" not in started:
        pytest.skip("prometheus is not installed")
    jobs = {spec.name for spec in SERVICES if spec.metrics and spec.name in started}

    assert _scraped(platform.url("prometheus")) == dict.fromkeys(jobs, "up")


def test_only_loopback_addresses_are_bound(platform):
    own = {process.pid for process in marked(platform.instance.mark)}

    listening = [
        connection.laddr
        for connection in psutil.net_connections(kind="inet")
        if connection.pid in own and (connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM)
    ]

    assert listening
    # gRPC listens on an IPv4 address through an IPv6 socket
    loopback = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
    assert [address for address in listening if address.ip not in loopback] == []


def test_no_secret_is_on_a_command_line_or_in_a_log(platform):
    home = platform.instance.local.home
    secrets = [path.read_text() for path in (home / "secrets").iterdir() if path.suffix == ""]
    shown = [" ".join(process.cmdline()) for process in marked(platform.instance.mark)]
    shown += [path.read_text(errors="replace") for path in (home / "logs").iterdir()]
    shown += [path.read_text(errors="replace") for path in (home / "airflow" / "logs").rglob("*.log")]

    assert secrets
    assert [text[:200] for text in shown if any(secret in text for secret in secrets)] == []


def test_nobody_without_a_password_replaces_the_model_in_production(platform):
    alias = {"name": "diabetes_classifier", "alias": "production", "version": "1"}
    with httpx.Client(base_url=f"{platform.url('mlflow')}/api/2.0") as attacker:
        uploaded = attacker.put("/mlflow-artifacts/artifacts/mine/model.onnx", content=b"mine")
        promoted = attacker.post("/mlflow/registered-models/alias", json=alias)

    assert (uploaded.status_code, promoted.status_code) == (httpx.codes.UNAUTHORIZED, httpx.codes.UNAUTHORIZED)


def test_the_account_of_the_table_signs_in_at_mlflow(platform):
    password = (platform.instance.local.home / "secrets" / "mlflow_admin_password").read_text()

    page = httpx.get(platform.url("mlflow"), auth=("admin", password))

    assert password in platform.output
    assert page.status_code == httpx.codes.OK


def test_the_log_of_mlflow_is_not_about_the_workers_that_poll_it(platform):
    log = (platform.instance.local.home / "logs" / "mlflow.log").read_text()

    assert "Uvicorn running on" in log
    assert "GET /api/2.0/mlflow/registered-models/alias" not in log


def test_nobody_else_can_reach_what_it_writes(platform):
    assert platform.instance.local.home.stat().st_mode & 0o077 == 0


def test_a_second_start_changes_nothing(platform, started):
    done = platform.command("up")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "first prediction" in done.stdout
    assert platform.pids() == started


@pytest.mark.parametrize("service", [spec.name for spec in SERVICES])
def test_a_killed_program_comes_back(platform, started, service):
    if service not in started:
        pytest.skip(f"the program of {service} is not installed")
    parent = psutil.Process(started[service])
    (program,) = parent.children()

    program.kill()

    _wait_until_well(platform, service, gone=program)


@pytest.mark.parametrize("service", ["data-api", "inference-api"])
def test_an_orphan_does_not_keep_its_port(platform, started, service):
    parent = psutil.Process(started[service])
    (orphan,) = parent.children()

    parent.kill()

    _wait_until_well(platform, service, gone=orphan)


def test_a_lost_worker_of_the_scheduler_does_not_stop_the_pipeline(platform, started):
    (program,) = psutil.Process(started["airflow-scheduler"]).children()
    worker = _wait_for_settled_child(program)

    worker.kill()

    _wait_until_well(platform, "airflow-scheduler", gone=program)
    done = platform.command("up")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_log_is_shown_and_an_unknown_name_is_answered_with_those_that_there_are(platform):
    known = platform.command("logs", "mlflow", "--no-follow", "--lines", "5")
    unknown = platform.command("logs", "nonsense")

    assert known.returncode == 0
    assert len(known.stdout.splitlines()) == 5
    assert unknown.returncode == 1
    assert "airflow-scheduler" in unknown.stdout


def test_a_port_in_use_is_said_before_anything_starts(at_home):
    port = int(at_home.environment["MLFLOW_PORT"])

    with socket.create_server(("127.0.0.1", port)):
        done = at_home.command("up")

    assert done.returncode == 1
    assert f"port {port} (mlflow, HTTP) is in use by" in done.stdout
    assert f"process {os.getpid()}" in done.stdout
    assert "MLFLOW_PORT" in done.stdout
    assert not (at_home.instance.local.run / "supervisord.pid").exists()


def test_status_fails_where_nothing_was_started(at_home):
    done = at_home.command("status")

    assert done.returncode == 1
    assert "Nothing was started here yet" in done.stdout


def test_after_a_stop_no_process_is_left_and_every_port_is_free(platform):
    ports = [port for service in platform.instance.services().values() for port in service.ports.values()]

    first, second = platform.command("down"), platform.command("down")

    assert (first.returncode, second.returncode) == (0, 0)
    assert marked(platform.instance.mark) == []
    assert [port for port in ports if not is_free(port)] == []
    assert platform.command("status").returncode == 1


def _scraped(url: str) -> dict[str, str]:
    """The health of each job of Prometheus, once none of them is unknown any more."""
    deadline = time.monotonic() + BACK_SECONDS
    while True:
        targets = httpx.get(f"{url}/api/v1/targets").json()["data"]["activeTargets"]
        jobs = {target["labels"]["job"]: target["health"] for target in targets}
        if "unknown" not in jobs.values() or time.monotonic() > deadline:
            return jobs
        time.sleep(0.5)


def _wait_until_well(platform: Any, service: str, *, gone: psutil.Process) -> None:
    """Until ``gone`` is gone and the service is well again."""
    deadline = time.monotonic() + BACK_SECONDS
    while True:
        state = next(status for status in statuses(platform.instance) if status.service.name == service)
        if not gone.is_running() and state.is_well:
            return
        if time.monotonic() > deadline:
            log = platform.instance.supervisor.log_of(service).read_text(errors="replace")
            pytest.fail(f"{service} is not back: {state.state}, {state.health}\n{log[-3000:]}")
        time.sleep(0.3)


def _wait_for_settled_child(program: psutil.Process) -> psutil.Process:
    deadline = time.monotonic() + BACK_SECONDS
    while time.monotonic() < deadline:
        for child in program.children():
            if child.create_time() < time.time() - 15 and "LocalExecutor" in " ".join(child.cmdline()):
                return child
        time.sleep(0.5)
    pytest.fail("the scheduler has no worker")
