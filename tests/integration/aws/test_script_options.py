import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "aws" / "scripts"
COMMANDS = ["setup_ec2_scheduler.sh", "add_permissions.sh", "update_schedule.sh", "teardown.sh"]


def run(name, *arguments, **environment):
    """A script without any AWS CLI in reach: what is tested here ends before it would be called."""
    plain = {"PATH": "/usr/bin:/bin", "AWS_REGION": "us-east-1", **environment}
    return subprocess.run(["bash", str(SCRIPTS / name), *arguments], env=plain, capture_output=True, text=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_option_and_needs_nothing(name):
    answer = run(name, "--help", AWS_REGION="")

    assert answer.returncode == 0
    assert "--dry-run" in answer.stdout
    assert answer.stderr == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_can_be_executed(name):
    assert os.access(SCRIPTS / name, os.X_OK)


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_refused(name):
    answer = run(name, "--force")

    assert answer.returncode == 2
    assert "unknown option --force" in answer.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--start", "25:00"],
        ["--start", "8.55"],
        ["--stop"],
        ["--instance-id", "--dry-run"],
        ["--instance-id", "i-1; reboot"],
        ["--tag", "nameonly"],
        ["--name", "a b"],
    ],
    ids=" ".join,
)
def test_a_bad_value_is_refused_before_anything_is_asked(arguments):
    answer = run("setup_ec2_scheduler.sh", *arguments)

    assert answer.returncode == 1
    assert answer.stderr.startswith("error: ")


def test_without_a_region_nothing_is_done():
    answer = run("teardown.sh", AWS_REGION="")

    assert answer.returncode == 1
    assert "no region" in answer.stderr
