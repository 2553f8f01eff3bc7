"""Each model task, killed with SIGKILL at every step and started again, leaves what an undisturbed run leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.gate_keys import SIGNING_KEY

PROGRAM = Path(__file__).with_name("killed_task.py")


@pytest.fixture
def disturbed(platform, cohort, misled, mlflow_server, seaweedfs, tmp_path):
    platform.run(platform.freeze(misled, [1]), "undisturbed")
    given = {
        "mlflow": mlflow_server,
        "name": platform.name,
        "object_store": [seaweedfs, "test-access-key", "test-secret-key", "us-east-1"],
        "inference": f"sqlite:///{tmp_path}/inference.sqlite",
        "signing_key": SIGNING_KEY,
        "dataset": platform.freeze(cohort, [1]),
    }
    finished = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        # fork is safe without the thread pools of the numeric libraries
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.splitlines()[-1])


def test_tasks_that_are_killed_at_every_step_leave_one_run_one_version_and_one_decision(platform, disturbed):
    left = platform.left_behind()

    assert [status for _, status in left["runs"]] == ["FINISHED", "FINISHED"]
    assert [version for version, _, _ in left["versions"]] == ["1", "2"]
    assert (left["production"], left["previous"]) == ("2", "1")
    assert [(version, action) for version, action, _, _ in left["ledger"]] == [("1", "promote"), ("2", "promote")]
    assert disturbed["done"]["promote"]["promoted"]
    # fewer kills would mean that the tasks no longer go through what is counted
    assert min(disturbed["kills"].values()) >= 5
