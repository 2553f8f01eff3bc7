"""How long a request to MLflow may take. MLflow's client takes that from the environment of its process alone.

An entry point puts the limits into the environment of its own process, where the operator has not set them. This module
does not import MLflow, so that a process which never asks it does not load it.
"""

TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
MAX_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def request_limits(*, timeout_seconds: int, retries: int) -> dict[str, str]:
    """The variables that bound each request: ``timeout_seconds`` for one attempt, ``retries`` attempts after it."""
    return {TIMEOUT: str(timeout_seconds), MAX_RETRIES: str(retries)}
