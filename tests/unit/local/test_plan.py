import stat
from pathlib import Path

import pytest

from readmission.errors import MissingSetting
from readmission.local.plan import DataLeftBehind, Plan, make_plan
from readmission.local.programs import Programs
from readmission.local.settings import LocalSettings
from readmission.settings import Settings

EVERYTHING = Programs(mariadb=True, prometheus=Path("/usr/bin/prometheus"))
NOTHING = Programs(mariadb=False, prometheus=None)
DATABASES = ("RAW_DATABASE_URL", "CLEAN_DATABASE_URL", "INFERENCE_DATABASE_URL")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for fields in (Settings.model_fields, LocalSettings.model_fields):
        for name in fields:
            monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def local(tmp_path: Path) -> LocalSettings:
    return LocalSettings(readmission_home=tmp_path)


def names(plan: Plan) -> set[str]:
    return {service.name for service in plan.services}


def test_with_every_program_there_are_ten_services(local):
    plan = make_plan(Settings(), local, EVERYTHING)

    assert len(plan.services) == 10
    assert {"mariadb", "prometheus"} <= names(plan)
    assert all(plan.environment[name].startswith("mysql+mysqlconnector://") for name in DATABASES)


def test_without_mariadb_the_databases_are_files_and_it_says_so(local):
    plan = make_plan(Settings(), local, NOTHING)

    assert not {"mariadb", "prometheus"} & names(plan)
    assert all(plan.environment[name].startswith(f"sqlite:///{local.home}/sqlite/") for name in DATABASES)
    assert "SQLite" in plan.notes[0]


def test_what_began_with_files_stays_with_them(local):
    (local.home / "sqlite").mkdir()

    plan = make_plan(Settings(), local, EVERYTHING)

    assert "mariadb" not in names(plan)


def test_data_in_a_mariadb_that_is_gone_are_not_forgotten(local):
    (local.home / "mariadb").mkdir()

    with pytest.raises(DataLeftBehind, match="mariadbd is not installed"):
        make_plan(Settings(), local, NOTHING)


@pytest.mark.parametrize(
    ("setting", "value", "service"),
    [
        ("MLFLOW_TRACKING_URI", "http://mlflow.example:5000", "mlflow"),
        ("DATA_API_URL", "http://data.example:5001", "data-api"),
        ("INFERENCE_API_URL", "http://model.example:8000", "inference-api"),
    ],
)
def test_a_service_that_is_named_by_its_url_is_used_and_not_started(local, monkeypatch, setting, value, service):
    monkeypatch.setenv(setting, value)

    plan = make_plan(Settings(), local, EVERYTHING)

    assert service not in names(plan)
    assert plan.environment[setting] == value


def test_an_own_object_store_needs_its_keys(local, monkeypatch):
    monkeypatch.setenv("S3_ENDPOINT", "https://s3.example")

    with pytest.raises(MissingSetting, match="S3_ACCESS_KEY"):
        make_plan(Settings(), local, EVERYTHING)


def test_an_own_object_store_is_where_mlflow_keeps_its_artifacts(local, monkeypatch):
    for name, value in (("ENDPOINT", "https://s3.example"), ("ACCESS_KEY", "who"), ("SECRET_KEY", "hush")):
        monkeypatch.setenv(f"S3_{name}", value)

    plan = make_plan(Settings(), local, EVERYTHING)

    mlflow = next(service for service in plan.services if service.name == "mlflow")
    assert "object-store" not in names(plan)
    assert mlflow.environment["MLFLOW_S3_ENDPOINT_URL"] == "https://s3.example"
    assert mlflow.environment["AWS_SECRET_ACCESS_KEY"] == "hush"


def test_with_every_database_named_by_its_url_none_is_started(local, monkeypatch):
    for name in (*DATABASES, "MLFLOW_BACKEND_STORE_URI"):
        monkeypatch.setenv(name, f"sqlite:////elsewhere/{name}.db")

    plan = make_plan(Settings(), LocalSettings(readmission_home=local.home), EVERYTHING)

    mlflow = next(service for service in plan.services if service.name == "mlflow")
    assert "mariadb" not in names(plan)
    assert mlflow.environment["MLFLOW_BACKEND_STORE_URI"] == "sqlite:////elsewhere/MLFLOW_BACKEND_STORE_URI.db"


def test_one_database_of_ones_own_leaves_the_others_to_mariadb(local, monkeypatch):
    monkeypatch.setenv("RAW_DATABASE_URL", "sqlite:////elsewhere/raw.db")

    plan = make_plan(Settings(), local, EVERYTHING)

    assert plan.environment["RAW_DATABASE_URL"] == "sqlite:////elsewhere/raw.db"
    assert plan.environment["CLEAN_DATABASE_URL"].endswith("/clean_data_db")
    assert "mariadb" in names(plan)


def test_the_tasks_get_what_they_need_and_the_page_gets_no_password(local):
    plan = make_plan(Settings(), local, EVERYTHING)
    environment = {service.name: service.environment for service in plan.services}

    needed = (*DATABASES, "S3_SECRET_KEY", "MLFLOW_TRACKING_URI", "DATA_API_URL", "INFERENCE_API_URL", "ADMIN_API_KEY")
    assert [name for name in needed if name not in environment["airflow-scheduler"]] == []
    assert set(environment["streamlit"]) == {"INFERENCE_API_URL"}
    assert not {*DATABASES, "S3_SECRET_KEY", "ADMIN_API_KEY"} & set(environment["data-api"])


def test_no_secret_is_on_a_command_line(local):
    plan = make_plan(Settings(), local, EVERYTHING)
    secrets = [path.read_text() for path in (local.home / "secrets").iterdir()]

    commands = [" ".join(service.command) for service in plan.services]

    assert secrets
    assert [command for command in commands if any(secret in command for secret in secrets)] == []


def test_a_key_of_ones_own_is_taken(local, monkeypatch):
    monkeypatch.setenv("ADMIN_API_KEY", "my-own")

    assert make_plan(Settings(), local, EVERYTHING).environment["ADMIN_API_KEY"] == "my-own"


def test_nothing_listens_on_another_address_whatever_is_set(local, monkeypatch):
    monkeypatch.setenv("HOST", "0.0.0.0")  # noqa: S104 - what a user may have set

    assert make_plan(Settings(), local, EVERYTHING).environment["HOST"] == "127.0.0.1"


def test_every_port_has_one_service_and_a_setting_that_changes_it(local):
    services = make_plan(Settings(), local, EVERYTHING).services
    ports = [port for service in services for port in service.ports.values()]

    assert len(ports) == len(set(ports))
    assert [service.name for service in services if service.ports and not service.port_setting] == []


def test_a_plan_writes_nothing_but_secrets(local):
    make_plan(Settings(), local, EVERYTHING)

    assert [path.name for path in local.home.iterdir()] == ["secrets"]
    assert stat.S_IMODE((local.home / "secrets").stat().st_mode) == 0o700
