from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

from readmission.adapters.mlflow_requests import limit_requests


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
