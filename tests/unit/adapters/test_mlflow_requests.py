from mlflow.environment_variables import (
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)
from mlflow.utils.credentials import read_mlflow_creds

from readmission.adapters.mlflow_requests import limit_requests, show_no_progress, sign_in
from readmission.settings import PipelineSettings


def test_the_limits_are_those_that_mlflow_reads(monkeypatch):
    environment = {}
    limit_requests(environment, timeout_seconds=7, retries=3)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert (MLFLOW_HTTP_REQUEST_TIMEOUT.get(), MLFLOW_HTTP_REQUEST_MAX_RETRIES.get()) == (7, 3)


def test_what_the_operator_set_wins():
    environment = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "9"}

    limit_requests(environment, timeout_seconds=7, retries=3)

    assert environment == {"MLFLOW_HTTP_REQUEST_TIMEOUT": "9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}


def test_a_server_shows_no_progress(monkeypatch):
    environment = {}

    show_no_progress(environment)

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert not MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.get()


def test_a_client_signs_in_with_the_account_of_the_settings(monkeypatch):
    environment = {}
    sign_in(environment, PipelineSettings(mlflow_tracking_username="ana", mlflow_tracking_password="hush"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert read_mlflow_creds() == ("ana", "hush")


def test_without_an_account_in_the_settings_the_environment_is_left_alone(monkeypatch):
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    environment = {"MLFLOW_TRACKING_USERNAME": "ana"}

    sign_in(environment, PipelineSettings())

    assert environment == {"MLFLOW_TRACKING_USERNAME": "ana"}
