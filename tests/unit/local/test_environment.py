import pytest
from pydantic import ValidationError

from readmission.local.environment import SERVICE_SETTINGS, base_environment, chosen, given, settings_from
from readmission.settings import DataApiSettings, InferenceSettings, PageSettings


def test_what_the_user_set_is_passed_on_by_its_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_PATH", "encounters.csv")
    monkeypatch.setenv("API_KEYS", "one,two")
    monkeypatch.setenv("BATCH_SIZE", "100")

    found = chosen(*SERVICE_SETTINGS)

    assert found["DATA_PATH"] == str(tmp_path / "encounters.csv")
    assert found["API_KEYS"] == "one,two"
    assert found["BATCH_SIZE"] == "100"
    assert "MODEL_SEED" not in found


def test_the_order_of_the_horizons_is_passed_on(monkeypatch):
    monkeypatch.setenv("HORIZONS", "within_30_days, any")

    found = chosen(*SERVICE_SETTINGS)

    assert found["HORIZONS"] == "within_30_days,any"


def test_a_setting_of_another_service_is_not_chosen_for_this_one(monkeypatch):
    monkeypatch.setenv("API_KEYS", "one,two")

    assert "API_KEYS" not in chosen(PageSettings, DataApiSettings)


def test_a_value_that_makes_no_sense_is_refused(monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "many")

    with pytest.raises(ValidationError, match="batch_size"):
        chosen(*SERVICE_SETTINGS)


def test_a_service_is_given_what_its_class_reads_and_nothing_else():
    environment = {"INFERENCE_API_URL": "http://x", "API_KEYS": "one", "S3_SECRET_KEY": "hush"}

    assert given(PageSettings, environment) == {"INFERENCE_API_URL": "http://x"}
    assert given(InferenceSettings, environment) == {"API_KEYS": "one"}
    assert given(None, environment) == {}


def test_settings_are_read_from_variables_as_a_process_gets_them():
    settings = settings_from(PageSettings, {"INFERENCE_API_URL": "http://x", "PAGE_API_KEY": "hush"})

    assert settings.inference_api_url == "http://x"
    assert settings.require("page_api_key") == "hush"


def test_what_we_set_ourselves_is_not_inherited():
    environ = {
        "PATH": "/bin",
        "AIRFLOW_HOME": "/other",
        "AIRFLOW__CORE__X": "1",
        "RAW_DATABASE_URL": "x",
        "S3_PORT": "1",
    }

    found = base_environment(environ)

    assert {name for name in found if name.upper() != "NO_PROXY"} == {"PATH"}


def test_python_may_write_its_bytecode():
    assert "PYTHONDONTWRITEBYTECODE" not in base_environment({"PYTHONDONTWRITEBYTECODE": "1"})


def test_a_proxy_is_kept_but_not_for_this_machine():
    found = base_environment({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "intranet,localhost"})

    assert found["HTTPS_PROXY"] == "http://proxy:3128"
    assert found["NO_PROXY"] == "intranet,localhost,127.0.0.1"
    assert found["no_proxy"] == "127.0.0.1,localhost"
