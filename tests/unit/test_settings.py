import pytest
from pydantic import ValidationError

from readmission.errors import MissingSetting
from readmission.settings import Settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_setting_comes_from_the_environment_variable_of_its_name(monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "500")

    assert Settings().batch_size == 500


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "")
    monkeypatch.setenv("DATA_PATH", "")

    assert Settings().batch_size == 15_000
    assert Settings().data_path is None


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        Settings().batch_size = 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCH_SIZE", "0"),
        ("BATCH_INTERVAL_SECONDS", "-1"),
        ("MODEL_POLL_SECONDS", "0"),
        ("TARGET", "tomorrow"),
        ("INFERENCE_WORKERS", "two"),
        ("DATA_API_PORT", "70000"),
        ("INFERENCE_PORT", "0"),
    ],
)
def test_a_senseless_value_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_a_needed_setting_that_is_not_set_is_named_as_the_environment_spells_it():
    with pytest.raises(MissingSetting, match="S3_ACCESS_KEY"):
        Settings().require("s3_access_key")


def test_a_needed_secret_is_revealed(monkeypatch):
    monkeypatch.setenv("S3_SECRET_KEY", "open sesame")

    assert Settings().require("s3_secret_key") == "open sesame"


def test_a_secret_is_not_shown(monkeypatch):
    monkeypatch.setenv("RAW_DATABASE_URL", "mysql://app:open-sesame@db/raw")

    assert "open-sesame" not in repr(Settings())


def test_by_default_only_this_machine_is_listened_on():
    assert Settings().host == "127.0.0.1"
