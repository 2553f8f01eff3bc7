import pytest
from typer.testing import CliRunner

from readmission.cli import app

COMMANDS = ("data-api", "serve", "migrate", "synthetic-parameters", "up", "programs", "down", "reset", "status", "logs")


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.setenv("READMISSION_HOME", str(tmp_path))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    done = CliRunner().invoke(app, [command, "--help"])

    assert done.exit_code == 0
    assert "Usage" in done.output


def test_without_a_command_they_are_listed():
    assert [command for command in COMMANDS if command not in CliRunner().invoke(app, []).output] == []


def test_reset_asks_before_it_deletes(tmp_path):
    (tmp_path / "secrets").mkdir()

    done = CliRunner().invoke(app, ["reset"], input="n\n")

    assert done.exit_code != 0
    assert (tmp_path / "secrets").exists()


def test_reset_does_not_ask_when_it_is_told(tmp_path):
    (tmp_path / "secrets").mkdir()

    done = CliRunner().invoke(app, ["reset", "--force"])

    assert done.exit_code == 0
    assert not (tmp_path / "secrets").exists()


def test_an_error_on_purpose_is_a_text_and_an_exit_code():
    done = CliRunner().invoke(app, ["logs", "nonsense"])

    assert done.exit_code == 1
    assert "no log of 'nonsense'" in done.output
    assert "Traceback" not in done.output
