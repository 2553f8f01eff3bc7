"""The MLflow tracking server and registry. It serves the artifacts itself, so clients need no S3 keys."""

from collections.abc import Mapping

from readmission.local.native import NativeRun, Start
from readmission.local.programs import environment_program
from readmission.services import BY_NAME
from readmission.settings import TrackingSettings

# the variables from which MLflow's client takes its account: its name, its password
CLIENT_ACCOUNT = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def start(run: NativeRun) -> Start:
    """The MLflow server. Raises ``MissingSetting`` as :func:`server_environment` does."""
    settings = run.settings(TrackingSettings)
    return Start(command=server_command(run.ports("mlflow")["HTTP"]), environment=server_environment(settings))


def server_command(port: int) -> tuple[str, ...]:
    """The command line of the server on the loopback address. It has one worker, since each takes about 450 MB."""
    return (
        environment_program("mlflow"),
        "server",
        "--host=127.0.0.1",
        f"--port={port}",
        "--workers=1",
        "--serve-artifacts",
        "--app-name=readmission",  # tracking/app.py: MLflow behind its accounts
        "--uvicorn-opts=--no-access-log",  # each worker of the inference API polls every few seconds
    )


def server_environment(settings: TrackingSettings) -> Mapping[str, str]:
    """The settings under MLflow's variable names, and the passwords of its accounts.

    Raises ``MissingSetting`` for a missing S3 key, database URL or password.
    """
    return {
        "MLFLOW_BACKEND_STORE_URI": settings.require("mlflow_backend_store_uri"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # unused here; it costs 20 s and 850 MB
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_ARTIFACTS_DESTINATION": "s3://mlflow",
        "MLFLOW_S3_ENDPOINT_URL": settings.s3_endpoint,
        "AWS_ACCESS_KEY_ID": settings.require("s3_access_key"),
        "AWS_SECRET_ACCESS_KEY": settings.require("s3_secret_key"),
        "AWS_DEFAULT_REGION": settings.s3_region,
        "MLFLOW_ADMIN_PASSWORD": settings.require("mlflow_admin_password"),
        "MLFLOW_PIPELINE_PASSWORD": settings.require("mlflow_pipeline_password"),
        "MLFLOW_SERVING_PASSWORD": settings.require("mlflow_serving_password"),
    }


def client_environment(run: NativeRun, account: str) -> dict[str, str]:
    """The variables of a process that signs in as ``account``; empty when this run does not start MLflow."""
    if BY_NAME["mlflow"] not in run.started:
        return {}
    password = run.settings(TrackingSettings).require(f"mlflow_{account}_password")
    return dict(zip(CLIENT_ACCOUNT, (account, password), strict=True))
