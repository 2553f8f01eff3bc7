import pytest
from pydantic import ValidationError

from readmission import settings
from readmission.errors import MissingSetting
from readmission.settings import DataApiSettings, InferenceSettings, PageSettings, PipelineSettings, TrackingSettings
from readmission.settings.base import EnvironmentSettings

CLASSES = (DataApiSettings, InferenceSettings, PageSettings, PipelineSettings, TrackingSettings)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in {name for each in CLASSES for name in each.model_fields}:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("TARGET", raising=False)


def _secrets(each: type[EnvironmentSettings]) -> set[str]:
    return {name for name, field in each.model_fields.items() if "SecretStr" in str(field.annotation)}


def test_every_process_has_its_class():
    assert {each.__name__ for each in CLASSES} == set(settings.__all__)


def test_a_setting_comes_from_the_environment_variable_of_its_name(monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "500")

    assert DataApiSettings().batch_size == 500


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "")
    monkeypatch.setenv("DATA_PATH", "")

    assert DataApiSettings().batch_size == 15_000
    assert DataApiSettings().data_path is None


def test_the_first_horizon_is_the_primary_one(monkeypatch):
    monkeypatch.setenv("HORIZONS", "within_30_days, any")

    models = InferenceSettings().registered_models()

    assert list(models.items()) == [
        ("within_30_days", "diabetes_classifier_30d"),
        ("any", "diabetes_classifier"),
    ]


@pytest.mark.parametrize(
    ("target", "horizons"), [("any", "any,within_30_days"), ("within_30_days", "within_30_days,any")]
)
def test_the_setting_of_an_earlier_release_is_answered_with_what_to_write_instead(monkeypatch, target, horizons):
    monkeypatch.setenv("TARGET", target)

    with pytest.raises(ValidationError, match=f"delete TARGET and write HORIZONS={horizons}"):
        PipelineSettings()


def test_a_target_of_another_program_is_ignored(monkeypatch):
    monkeypatch.setenv("TARGET", "release")

    assert PipelineSettings().horizons == ("any", "within_30_days")


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        DataApiSettings().batch_size = 3


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (DataApiSettings, "BATCH_SIZE", "0"),
        (DataApiSettings, "BATCH_INTERVAL_SECONDS", "-1"),
        (DataApiSettings, "DATA_API_PORT", "70000"),
        (InferenceSettings, "MODEL_POLL_SECONDS", "0"),
        (InferenceSettings, "INFERENCE_WORKERS", "two"),
        (InferenceSettings, "INFERENCE_PORT", "0"),
        (PipelineSettings, "HORIZONS", "tomorrow"),
        (PipelineSettings, "HORIZONS", "any,any"),
        (InferenceSettings, "HORIZONS", ","),
        (PipelineSettings, "GATE_SIGNING_KEY", "too-short"),
        (InferenceSettings, "GATE_PUBLIC_KEY", "too-short"),
        (InferenceSettings, "GATE_PUBLIC_KEY", f"{'a' * 43}=,too-short"),
    ],
)
def test_a_senseless_value_is_refused_by_name(monkeypatch, kind, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=name.lower()):
        kind()


def test_a_needed_setting_that_is_not_set_is_named_as_the_environment_spells_it():
    with pytest.raises(MissingSetting, match="S3_ACCESS_KEY"):
        PipelineSettings().require("s3_access_key")


def test_a_needed_secret_is_revealed(monkeypatch):
    monkeypatch.setenv("S3_SECRET_KEY", "open sesame")

    assert PipelineSettings().require("s3_secret_key") == "open sesame"


def test_a_secret_is_not_shown(monkeypatch):
    monkeypatch.setenv("RAW_DATABASE_URL", "mysql://app:open-sesame@db/raw")

    assert "open-sesame" not in repr(PipelineSettings())


def test_by_default_only_this_machine_is_listened_on():
    assert (DataApiSettings().host, InferenceSettings().host) == ("127.0.0.1", "127.0.0.1")


def test_each_process_knows_only_its_own_secrets():
    assert _secrets(DataApiSettings) == {"data_api_key", "data_api_read_key"}
    assert _secrets(InferenceSettings) == {
        "inference_database_url", "api_keys", "admin_api_key", "mlflow_tracking_password", "patient_reference_key",
    }  # fmt: skip
    assert _secrets(PageSettings) == {"page_api_key"}
    assert _secrets(TrackingSettings) == {
        "s3_secret_key", "mlflow_backend_store_uri",
        "mlflow_admin_password", "mlflow_pipeline_password", "mlflow_serving_password"
    }  # fmt: skip
    assert _secrets(PipelineSettings) == {
        "raw_database_url", "clean_database_url", "inference_database_url", "s3_secret_key", "admin_api_key",
        "mlflow_tracking_password",
        "gate_signing_key", "data_api_read_key", "airflow_api_password",
    }  # fmt: skip
