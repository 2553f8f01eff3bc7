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
def disturbed(platform, mlflow_server, seaweedfs, tmp_path):
    """Run these tasks, each killed at every step; returns their results and the number of kills."""

    def run(dataset, *tasks):
        given = {
            "tasks": tasks,
            "mlflow": mlflow_server,
            "name": platform.name,
            "object_store": [seaweedfs, "test-access-key", "test-secret-key", "us-east-1"],
            "inference": f"sqlite:///{tmp_path}/inference.sqlite",
            "signing_key": SIGNING_KEY,
            "dataset": dataset,
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

    return run


def test_tasks_that_are_killed_at_every_step_leave_one_run_one_version_and_one_decision(
    platform, disturbed, cohort, misled
):
    platform.run(platform.freeze(misled, [1]), "undisturbed")

    done = disturbed(platform.freeze(cohort, [1]), "train", "register", "promote")

    left = platform.left_behind()
    assert [status for _, status in left["runs"]] == ["FINISHED", "FINISHED"]
    assert [version for version, _, _ in left["versions"]] == ["1", "2"]
    assert (left["production"], left["previous"]) == ("2", "1")
    assert [(version, action) for version, action, _, _ in left["ledger"]] == [("1", "promote"), ("2", "promote")]
    assert done["done"]["promote"]["promoted"]
    # fewer kills would mean that the tasks no longer go through what is counted
    assert min(done["kills"].values()) >= 5


def test_a_rollback_that_is_killed_at_every_step_leaves_one_rollback(platform, disturbed, cohort, misled):
    platform.run(platform.freeze(misled, [1]), "first")
    dataset = platform.freeze(cohort, [1])
    platform.run(dataset, "second")

    done = disturbed(dataset, "rollback")

    left = platform.left_behind()
    assert done["done"]["rollback"] == "1"
    assert (left["production"], left["previous"]) == ("1", None)
    assert [(version, action) for version, action, _, _ in left["ledger"]][2:] == [("2", "rollback")]
    assert platform.registry.version("2").tags["promotion"] == "rolled_back"
    assert done["kills"]["rollback"] >= 5
