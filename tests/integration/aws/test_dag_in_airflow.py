"""The DAG's first task in a real Airflow: the real DAG file, fresh metadata, every other task marked as done."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

DAGS = Path(__file__).parents[3] / "dags"

# one process for all runs: most of the time goes into importing Airflow
RUN = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.models import TaskReschedule
from airflow.utils.db import initdb
from airflow.utils.session import create_session

initdb()
for name, environment in json.loads(sys.argv[2]).items():
    os.environ.update(environment)
    dag = DagBag(dag_folder=sys.argv[1]).dags["mlops_diabetes_pipeline"]
    run = dag.test(mark_success_pattern="(?!check_ec2_status$).*")
    with create_session() as session:
        states = {ti.task_id: str(ti.state) for ti in run.get_task_instances(session=session)}
        waits = session.query(TaskReschedule).delete()
    print("RESULT", json.dumps([name, {"run": str(run.state), "states": states, "waits": waits}]))
"""


@pytest.fixture(scope="module")
def runs(aws, http_server, free_ports, tmp_path_factory):
    """What became of a run that had to wake the instance, of one outside the schedule, of one that waited in vain."""
    waking, asleep, silent = (aws.launch(state=state) for state in ("stopped", "stopped", "running"))
    port = free_ports(1)
    over = threading.Event()

    def boot():
        """The data API answers a while after its instance has been started, until the run has seen it."""
        while aws.state(waking) != "running":
            if over.wait(0.2):
                return
        time.sleep(1)
        with http_server(port=port) as api:
            while not api.paths and not over.wait(0.2):
                pass

    hour = datetime.now(ZoneInfo("America/Lima")).hour
    always = {"SCHEDULE_START": "00:00", "SCHEDULE_STOP": "00:00", "EC2_POLL_SECONDS": "1"}
    later = {"SCHEDULE_START": f"{(hour + 6) % 24:02}:00", "SCHEDULE_STOP": f"{(hour + 8) % 24:02}:00"}
    scenes = {
        "waking": {**always, "INSTANCE_ID": waking, "EC2_WAIT_SECONDS": "60"},
        "silent": {**always, "INSTANCE_ID": silent, "EC2_WAIT_SECONDS": "1"},
        "asleep": {**later, "INSTANCE_ID": asleep},
    }
    machine = threading.Thread(target=boot)
    machine.start()
    try:
        output = run_all(scenes, tmp_path_factory.mktemp("airflow"), f"http://127.0.0.1:{port}")
    finally:
        over.set()
        machine.join()
    results = dict(json.loads(line.removeprefix("RESULT ")) for line in output.splitlines() if line[:7] == "RESULT ")
    assert set(results) == set(scenes), output
    return {**results, "output": output, "asleep state": aws.state(asleep)}


def run_all(scenes, home, data_api_url):
    environment = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "DATA_API_URL": data_api_url,
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(DAGS), json.dumps(scenes)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.stdout


def test_a_run_wakes_the_instance_and_goes_on_when_the_api_answers(runs):
    assert runs["waking"]["states"]["check_ec2_status"] == "success"
    assert runs["waking"]["run"] == "success"


def test_between_two_looks_the_task_is_rescheduled_and_holds_no_slot(runs):
    assert runs["waking"]["waits"] >= 1


def test_waiting_ends_at_its_limit(runs):
    assert runs["silent"]["states"]["check_ec2_status"] == "failed"
    assert runs["silent"]["run"] == "failed"


def test_a_run_outside_the_schedule_is_skipped_and_not_failed(runs):
    assert set(runs["asleep"]["states"].values()) == {"skipped"}
    assert "off outside its schedule" in runs["output"]
    assert runs["asleep state"] == "stopped"
