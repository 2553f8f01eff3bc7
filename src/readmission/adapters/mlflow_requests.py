"""Limits and account of requests to MLflow. MLflow's client reads them from the environment of its process only.

An entry point sets them for its own process. This module does not import MLflow, so a process that never uses it does
not load it.
"""

from collections.abc import MutableMapping

from readmission.settings.parts import RegistrySettings

TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
MAX_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
PROGRESS_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"


def limit_requests(environment: MutableMapping[str, str], *, timeout_seconds: int, retries: int) -> None:
    """Limit each request to ``timeout_seconds`` for one attempt and to ``retries`` further attempts.

    ``environment`` is that of the calling process. A limit that the operator has set there is not changed.
    """
    environment.setdefault(TIMEOUT, str(timeout_seconds))
    environment.setdefault(MAX_RETRIES, str(retries))


def show_no_progress(environment: MutableMapping[str, str]) -> None:
    """Let downloads write no progress bar: when nobody reads the error output, the download would fail with it."""
    environment[PROGRESS_BAR] = "false"


def sign_in(environment: MutableMapping[str, str], settings: RegistrySettings) -> None:
    """Use the account of ``settings``. An account that they do not set is not changed.

    A process whose settings come from its own environment has the account there already.
    """
    for name in ("mlflow_tracking_username", "mlflow_tracking_password"):
        if getattr(settings, name) is not None:
            environment[name.upper()] = settings.require(name)
