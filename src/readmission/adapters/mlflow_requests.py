"""How long a request to MLflow may take. MLflow's client reads that from the environment of its process alone.

An entry point sets the limits for its own process. This module does not import MLflow, so that a process which never
asks MLflow does not load it.
"""

from collections.abc import MutableMapping

TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
MAX_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def limit_requests(environment: MutableMapping[str, str], *, timeout_seconds: int, retries: int) -> None:
    """Bound each request: ``timeout_seconds`` for an attempt, ``retries`` more attempts.

    ``environment`` is that of the calling process. What the operator set there already wins.
    """
    environment.setdefault(TIMEOUT, str(timeout_seconds))
    environment.setdefault(MAX_RETRIES, str(retries))
