"""Limits of requests to MLflow. MLflow's client reads them from the environment of its process only.

An entry point sets them in its own environment unless the operator has set them. This module does not import MLflow, so
a process that never uses it does not load it.
"""

TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
MAX_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def request_limits(*, timeout_seconds: int, retries: int) -> dict[str, str]:
    """MLflow's variables for the limits of each request: seconds for one attempt, and the number of retries."""
    return {TIMEOUT: str(timeout_seconds), MAX_RETRIES: str(retries)}
