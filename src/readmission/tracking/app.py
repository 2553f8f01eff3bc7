"""The application that ``mlflow server --app-name readmission`` runs: MLflow's own, behind its accounts.

``pyproject.toml`` registers :func:`create_app` for MLflow under this name.
"""

from pydantic import SecretStr
from starlette.types import ASGIApp

from readmission.settings import TrackingSettings
from readmission.tracking.access import AccessControl, Account

# account -> whether it may write
ACCOUNTS = {"admin": True, "pipeline": True, "serving": False}


def create_app() -> ASGIApp:
    """MLflow's application for its three accounts.

    Raises ``MissingSetting`` when an account has no password, so that the server does not start open.
    """
    # the parent process of the server imports this module, too, and needs no application
    from mlflow.server.fastapi_app import app

    return AccessControl(app, accounts(TrackingSettings()))


def accounts(settings: TrackingSettings) -> list[Account]:
    """``admin`` for people, ``pipeline`` for its tasks, and ``serving``, which only reads.

    Raises ``MissingSetting`` when one has no password.
    """
    return [
        Account(name, SecretStr(settings.require(f"mlflow_{name}_password")), may_write)
        for name, may_write in ACCOUNTS.items()
    ]
