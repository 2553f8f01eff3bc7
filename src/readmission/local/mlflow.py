"""The MLflow tracking server and registry; its artifacts pass through it, so that clients need no S3 keys."""

from collections.abc import Mapping

from readmission.local.native import NativeRun, Start
from readmission.local.programs import environment_program
from readmission.settings import TrackingSettings


def start(run: NativeRun) -> Start:
    settings = run.settings(TrackingSettings)
    return Start(command=server_command(run.ports("mlflow")["HTTP"]), environment=server_environment(settings))


def server_command(port: int) -> tuple[str, ...]:
    return (
        environment_program("mlflow"),
        "server",
        "--host=127.0.0.1",
        f"--port={port}",
        "--workers=1",
        "--serve-artifacts",
    )


def server_environment(settings: TrackingSettings) -> Mapping[str, str]:
    """MLflow's own names for its settings. Raises ``MissingSetting`` for a key of the store or the database's URL."""
    return {
        "MLFLOW_BACKEND_STORE_URI": settings.require("mlflow_backend_store_uri"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 20 s and 850 MB more for something nobody uses here
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_ARTIFACTS_DESTINATION": "s3://mlflow",
        "MLFLOW_S3_ENDPOINT_URL": settings.s3_endpoint,
        "AWS_ACCESS_KEY_ID": settings.require("s3_access_key"),
        "AWS_SECRET_ACCESS_KEY": settings.require("s3_secret_key"),
        "AWS_DEFAULT_REGION": settings.s3_region,
    }
