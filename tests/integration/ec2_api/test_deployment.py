import configparser
import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "ec2_api"

# says what it was called with; knows the image when KNOWN is set
DOCKER = """#!/bin/sh
echo "$@" >> "$CALLS"
if [ "$1 $2" = "image inspect" ] && [ -z "$KNOWN" ]; then exit 1; fi
"""


@pytest.fixture
def start(tmp_path):
    """``start(*arguments, **environment)`` runs start_api.sh with a recording docker: its calls, and the exit."""
    docker, calls = tmp_path / "docker", tmp_path / "calls"
    docker.write_text(DOCKER)
    docker.chmod(0o755)

    def run(*arguments, **environment):
        plain = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(calls), **environment}
        done = subprocess.run(["bash", str(FOLDER / "start_api.sh"), *arguments], env=plain, capture_output=True)
        lines = calls.read_text().splitlines() if calls.exists() else []
        return [line.replace(f"compose --file {FOLDER}/docker-compose.yml ", "") for line in lines], done.returncode

    return run


UP = "up --detach --no-build --wait --wait-timeout 600"


def test_the_first_start_builds_the_image(start):
    assert start() == (["image inspect readmission-data-api", "build", UP], 0)


def test_a_later_start_needs_no_network(start):
    assert start(KNOWN="yes") == (["image inspect readmission-data-api", UP], 0)


def test_a_published_image_is_pulled(start):
    assert start(DATA_API_IMAGE="example.org/data-api:1") == (["image inspect example.org/data-api:1", "pull", UP], 0)


def test_an_update_builds_although_the_image_is_there(start):
    assert start("--update", KNOWN="yes") == (["build", UP], 0)


def test_an_unknown_option_starts_nothing(start):
    assert start("--fast") == ([], 2)


def test_the_container_comes_back_by_itself_and_is_on_loopback_unless_told_otherwise():
    service = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]["data-api"]

    assert service["restart"] == "unless-stopped"
    assert service["ports"] == ["${DATA_API_BIND:-127.0.0.1}:5001:5001"]
    assert (ROOT / service["build"]["dockerfile"]).parent == FOLDER


def test_the_unit_starts_the_script_at_boot_and_again_after_a_failure():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(FOLDER / "readmission-data-api.service")

    command = Path(unit["Service"]["ExecStart"])
    assert (ROOT / command.relative_to("/opt/readmission")).is_file()
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Install"]["WantedBy"] == "multi-user.target"
