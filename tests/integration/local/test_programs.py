import subprocess
import time
from pathlib import Path

import pytest
from rich.console import Console

from readmission.local import programs
from readmission.local.programs import Found, find_program, find_programs, install_missing, with_everything
from readmission.local.report import Report
from readmission.services import BY_NAME, SERVICES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on the path."""
    found = tmp_path / "bin"
    found.mkdir()
    monkeypatch.setenv("PATH", f"{found}:/usr/bin:/bin")
    return found


def put_program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def wait_for(file: Path) -> None:
    """Wait until another process has written a line to ``file``."""
    deadline = time.monotonic() + 10
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline, f"{file} was not written"
        time.sleep(0.05)


def test_a_program_on_the_path_is_found(folder):
    put_program(folder, "some-server", "true")

    assert find_program("some-server") == folder / "some-server"
    assert find_program("no-such-server") is None


def test_a_service_can_be_started_when_all_its_programs_are_there(folder, monkeypatch):
    monkeypatch.setattr(programs, "SEARCH", str(folder))
    put_program(folder, "mariadbd", "true")
    before = find_programs()
    put_program(folder, "mariadb-install-db", "true")

    assert find_programs().has(BY_NAME["mysql"])
    assert before.has(BY_NAME["data-api"])


def test_after_every_installation_every_service_can_be_started():
    found = with_everything(Found({}))

    assert [spec.name for spec in SERVICES if not found.has(spec)] == []


@pytest.fixture
def report() -> Report:
    return Report(Console(quiet=True))


@pytest.fixture
def nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_programs", lambda: Found({}))
    monkeypatch.setattr(programs, "has_openmp", lambda: False)


@pytest.mark.usefixtures("nothing_there")
def test_where_nobody_may_install_it_says_what_is_missing_and_how_to_have_it(tmp_path, monkeypatch, report):
    monkeypatch.setattr(programs, "apt_prefix", lambda: None)

    notes = install_missing(tmp_path / "log", report)

    assert len(notes) == 3
    assert "SQLite" in notes[0]
    assert notes[1].endswith("to have it: apt-get install prometheus")
    assert "libgomp" in notes[2]


@pytest.mark.usefixtures("nothing_there")
def test_only_what_is_wanted_is_missed(tmp_path, monkeypatch, report):
    monkeypatch.setattr(programs, "apt_prefix", lambda: None)

    assert install_missing(tmp_path / "log", report, {"mlflow"}) == []


@pytest.mark.usefixtures("nothing_there")
def test_packages_are_installed_after_an_update_of_the_lists_when_they_are_unknown(
    tmp_path, monkeypatch, report, folder
):
    calls = tmp_path / "calls"
    put_program(
        folder, "apt-get", f'echo "$@" >>{calls}; [ "$1" = update ] && touch {calls}.updated; [ -e {calls}.updated ]'
    )
    put_program(folder, "update-rc.d", "true")
    monkeypatch.setattr(programs, "apt_prefix", list)
    monkeypatch.setattr(programs, "POLICY", tmp_path / "policy-rc.d")

    notes = install_missing(tmp_path / "log", report, {"mysql"})

    said = calls.read_text().splitlines()
    assert notes == []
    assert [line.split()[0] for line in said] == ["install", "update", "install"]
    assert said[-1].endswith("mariadb-server-core mariadb-client")


@pytest.mark.usefixtures("nothing_there")
def test_while_it_installs_no_service_may_start_and_afterwards_the_machine_is_as_it_was(
    tmp_path, monkeypatch, report, folder
):
    policy, seen = tmp_path / "policy-rc.d", tmp_path / "seen"
    put_program(folder, "apt-get", f"sh {policy}; echo $? >{seen}; false")
    monkeypatch.setattr(programs, "apt_prefix", list)
    monkeypatch.setattr(programs, "POLICY", policy)

    notes = install_missing(tmp_path / "log", report, {"prometheus"})

    assert seen.read_text() == "101\n"
    assert not policy.exists()
    assert len(notes) == 1


@pytest.mark.usefixtures("nothing_there")
def test_a_killed_installation_blocks_no_later_start_of_a_service(tmp_path, monkeypatch, report, folder):
    policy = tmp_path / "policy-rc.d"
    put_program(folder, "apt-get", "kill -KILL $PPID")
    monkeypatch.setattr(programs, "apt_prefix", list)
    monkeypatch.setattr(programs, "POLICY", policy)
    install_missing(tmp_path / "log", report, {"prometheus"})

    # as Debian asks before it starts a service; without the file every start is allowed
    asked = subprocess.run([policy, "nginx", "start"], check=False).returncode if policy.exists() else 0

    assert asked == 0
    assert not policy.exists()


@pytest.mark.usefixtures("nothing_there")
def test_while_the_packages_of_a_killed_installation_are_set_up_no_service_may_start(
    tmp_path, monkeypatch, report, folder
):
    policy, seen = tmp_path / "policy-rc.d", tmp_path / "seen"
    put_program(folder, "apt-get", f"kill -KILL $PPID; {policy} prometheus start; echo $? >{seen}")
    monkeypatch.setattr(programs, "apt_prefix", list)
    monkeypatch.setattr(programs, "POLICY", policy)

    install_missing(tmp_path / "log", report, {"prometheus"})
    wait_for(seen)

    assert seen.read_text() == "101\n"


@pytest.mark.usefixtures("nothing_there")
def test_the_policy_of_a_killed_installation_goes_with_the_next_one(tmp_path, monkeypatch, report, folder):
    policy = tmp_path / "policy-rc.d"
    put_program(folder, "apt-get", "kill -KILL $PPID")
    put_program(folder, "update-rc.d", "true")
    monkeypatch.setattr(programs, "apt_prefix", list)
    monkeypatch.setattr(programs, "POLICY", policy)
    install_missing(tmp_path / "log", report, {"prometheus"})

    put_program(folder, "apt-get", "true")
    install_missing(tmp_path / "log", report, {"prometheus"})

    assert not policy.exists()


@pytest.mark.usefixtures("nothing_there")
def test_a_policy_of_the_machine_is_kept(tmp_path, monkeypatch, report, folder):
    policy = tmp_path / "policy-rc.d"
    policy.write_text("mine")
    put_program(folder, "apt-get", "true")
    put_program(folder, "update-rc.d", "true")
    monkeypatch.setattr(programs, "apt_prefix", list)
    monkeypatch.setattr(programs, "POLICY", policy)

    install_missing(tmp_path / "log", report, {"prometheus"})

    assert policy.read_text() == "mine"


def test_whoever_is_not_root_and_has_no_sudo_may_not_install(folder, monkeypatch):
    put_program(folder, "apt-get", "true")
    put_program(folder, "sudo", "exit 1")
    monkeypatch.setattr(programs.os, "geteuid", lambda: 1000)

    assert programs.apt_prefix() is None


def test_sudo_without_a_password_is_enough(folder, monkeypatch):
    put_program(folder, "apt-get", "true")
    put_program(folder, "sudo", "shift; exec $@")
    monkeypatch.setattr(programs.os, "geteuid", lambda: 1000)

    prefix = programs.apt_prefix()

    assert prefix == [str(folder / "sudo"), "-n"]
    assert subprocess.run([*prefix, "true"], check=False).returncode == 0
