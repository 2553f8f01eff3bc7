from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

from readmission.adapters.mlflow_requests import request_limits


def test_the_limits_are_those_that_mlflow_reads(monkeypatch):
    for name, value in request_limits(timeout_seconds=7, retries=3).items():
        monkeypatch.setenv(name, value)

    assert (MLFLOW_HTTP_REQUEST_TIMEOUT.get(), MLFLOW_HTTP_REQUEST_MAX_RETRIES.get()) == (7, 3)
