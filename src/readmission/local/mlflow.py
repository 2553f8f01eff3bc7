"""The MLflow tracking server and registry. It serves the artifacts itself, so clients need no S3 keys."""

from collections.abc import Mapping

from readmission.local.native import NativeRun, Start
from readmission.local.programs import environment_program
from readmission.settings import TrackingSettings


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
    )


def server_environment(settings: TrackingSettings) -> Mapping[str, str]:
    """The settings under MLflow's variable names, secrets included.

    Raises ``MissingSetting`` for a missing S3 key or database URL.
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
    }
