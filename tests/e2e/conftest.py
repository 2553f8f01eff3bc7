"""The whole platform, started once as a newcomer does it, on free ports and in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from readmission.local.environment import SERVICE_SETTINGS, names_of
from readmission.local.instance import Instance
from readmission.local.processes import end_marked, marked
from readmission.local.settings import LocalSettings
from readmission.local.status import statuses
from readmission.services import SERVICES

PROGRAM = Path(sys.executable).with_name("readmission")
# a closed port instead of the archive: what is tested must not depend on the network
SMALL = {
    "UCI_URL": "http://127.0.0.1:9/",
    "SYNTHETIC_ROWS": "6000",
    "BATCH_SIZE": "6000",
    "BATCH_INTERVAL_SECONDS": "86400",
    "BOOTSTRAP_ROUNDS": "10",
    # 900 test rows give a wide interval
    "GATE_FLOOR_ANY": "0.5",
    "GATE_FLOOR_WITHIN_30_DAYS": "0.3",
    "INSTALL_PROGRAMS": "false",
}


@dataclass(frozen=True)
class Platform:
    """One native run; ``output`` is what its first start said."""

    environment: dict[str, str]
    instance: Instance
    output: str

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_command(self.environment, *arguments)

    def url(self, service: str) -> str:
        return str(self.instance.services()[service].url)

    def processes(self, service: str) -> list[psutil.Process]:
        return marked(f"{self.instance.mark}{service}/")

    def pids(self) -> dict[str, int]:
        return {status.service.name: status.pid for status in statuses(self.instance)}


def run_command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False)


def environment_for(home: Path, first_port: int) -> dict[str, str]:
    """This process's environment with a home and, from ``first_port`` on, ports for each service; S3's are last."""
    specs = sorted((spec for spec in SERVICES if spec.port_setting), key=lambda spec: spec.port_setting == "S3_PORT")
    ports, free = {}, first_port
    for spec in specs:
        ports[spec.port_setting] = str(free)
        free = max(spec.ports_from(free).values()) + 1
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # empty is not set, and keeps out what a developer's .env would fill in: his own data and databases
    unset = dict.fromkeys(names_of(*SERVICE_SETTINGS, LocalSettings), "")
    return {**kept, **unset, **SMALL, **ports, "READMISSION_HOME": str(home)}


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], int]) -> Iterator[Platform]:
    home = tmp_path_factory.mktemp("platform") / "var"
    environment = environment_for(home, free_ports(14))
    instance = Instance(LocalSettings(readmission_home=home))
    try:
        done = run_command(environment, "up")
        assert done.returncode == 0, done.stdout + done.stderr
        yield Platform(environment, instance, done.stdout)
    finally:
        run_command(environment, "down")
        end_marked(instance.mark)


@pytest.fixture
def at_home(tmp_path: Path, free_ports: Callable[[int], int]) -> Platform:
    """A platform that nobody has started yet."""
    return Platform(environment_for(tmp_path, free_ports(14)), Instance(LocalSettings(readmission_home=tmp_path)), "")
