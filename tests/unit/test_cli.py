import pytest
from typer.testing import CliRunner

from readmission.cli import app

COMMANDS = (
    "data-api",
    "serve",
    "migrate",
    "synthetic-parameters",
    "up",
    "programs",
    "down",
    "reset",
    "status",
    "logs",
    "rollback",
    "sign",
    "public-key",
)


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.setenv("READMISSION_HOME", str(tmp_path))
    # a developer's own .env must not come into the process of the tests
    monkeypatch.setattr("readmission.local.settings.PROJECT", tmp_path)


def test_every_command_explains_itself():
    shown = {command: CliRunner().invoke(app, [command, "--help"]) for command in COMMANDS}

    assert [command for command, done in shown.items() if done.exit_code] == []
    assert [command for command, done in shown.items() if "Usage" not in done.output] == []


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


@pytest.fixture
def _started(tmp_path):
    """A native run that wrote the log of its supervisor."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "supervisord.log").touch()


@pytest.mark.usefixtures("_started")
def test_an_error_on_purpose_is_a_text_and_an_exit_code():
    done = CliRunner().invoke(app, ["logs", "nonsense"])

    assert done.exit_code == 1
    assert "no log of 'nonsense'" in done.output
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("_started")
def test_logs_without_a_service_lists_the_services():
    done = CliRunner().invoke(app, ["logs"])

    assert done.exit_code == 1
    assert "no service was named" in done.output
    assert "SERVICE=... takes one of: supervisord" in done.output


def test_logs_before_the_first_start_says_what_to_do():
    done = CliRunner().invoke(app, ["logs", "mlflow"])

    assert done.exit_code == 1
    assert "make up" in done.output


def test_a_setting_that_makes_no_sense_is_named_without_its_value(monkeypatch):
    monkeypatch.setenv("MLFLOW_PORT", "eighty")

    done = CliRunner().invoke(app, ["status"])

    assert done.exit_code == 1
    assert "MLFLOW_PORT" in done.output
    assert "eighty" not in done.output
    assert "Traceback" not in done.output


def test_settings_are_read_from_the_projects_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("MLFLOW_PORT=eighty\n")
    # both, so that what the file brings is taken out of the environment again
    monkeypatch.setenv("MLFLOW_PORT", "")
    monkeypatch.delenv("MLFLOW_PORT")

    done = CliRunner().invoke(app, ["status"])

    assert done.exit_code == 1
    assert "MLFLOW_PORT" in done.output


@pytest.fixture
def _no_horizons(monkeypatch):
    for name in ("TARGET", "HORIZONS"):
        # both, so that what a file brings is taken out of the environment again
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("_no_horizons")
@pytest.mark.parametrize(
    "order",
    ["up", "migrate", "rollback why", "sign 1 --reason why", "public-key", "serve"],
)
def test_the_setting_of_an_earlier_release_is_answered_with_what_to_write(monkeypatch, tmp_path, order):
    monkeypatch.setenv("TARGET", "within_30_days")

    done = CliRunner().invoke(app, order.split())

    assert done.exit_code == 1
    assert "HORIZONS: it replaces TARGET=within_30_days: delete TARGET" in done.output
    assert "write HORIZONS=within_30_days,any" in done.output
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] in ([], [".lock"])


@pytest.mark.usefixtures("_no_horizons")
def test_up_finds_the_setting_of_an_earlier_release_in_the_env_file(tmp_path):
    (tmp_path / ".env").write_text("TARGET=within_30_days\n")

    done = CliRunner().invoke(app, ["up"])

    assert done.exit_code == 1
    assert "write HORIZONS=within_30_days,any" in done.output
    assert not (tmp_path / "secrets").exists()


@pytest.mark.usefixtures("_no_horizons")
@pytest.mark.parametrize("command", ["down", "status", "logs"])
def test_what_reads_no_horizon_works_with_the_setting_of_an_earlier_release(monkeypatch, command):
    monkeypatch.setenv("TARGET", "any")

    assert "TARGET" not in CliRunner().invoke(app, [command]).output


@pytest.mark.parametrize("order", ["rollback why", "sign 1 --reason why"])
@pytest.mark.parametrize(("horizons", "asked"), [("any,within_30_days", "tomorrow"), ("any", "within_30_days")])
def test_a_horizon_that_is_not_predicted_is_refused_with_those_that_are(monkeypatch, order, horizons, asked):
    monkeypatch.setenv("HORIZONS", horizons)

    done = CliRunner().invoke(app, [*order.split(), "--horizon", asked])

    assert done.exit_code == 1
    assert f"--horizon {asked}: it must be one of HORIZONS={horizons}" in done.output


@pytest.mark.parametrize("command", ["rollback", "sign"])
def test_the_help_names_the_default_horizon(command):
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output

    assert "--horizon" in shown
    assert "the primary horizon, the first of HORIZONS" in shown
