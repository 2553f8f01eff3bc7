"""The MLflow tracking server and registry; its artifacts pass through it, so that clients need no S3 keys."""

from collections.abc import Mapping

from readmission.local.programs import environment_program
from readmission.local.service import Health, Service


def mlflow_service(
    *, port: int, backend_store_uri: str, artifacts: Mapping[str, str], depends_on: tuple[str, ...] = ()
) -> Service:
    """``artifacts`` is the environment that says where they go: MLFLOW_ARTIFACTS_DESTINATION and the keys for it."""
    return Service(
        name="mlflow",
        command=(
            environment_program("mlflow"),
            "server",
            "--host=127.0.0.1",
            f"--port={port}",
            "--workers=1",
            "--serve-artifacts",
        ),
        environment={
            "MLFLOW_BACKEND_STORE_URI": backend_store_uri,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 20 s and 850 MB more for something nobody uses here
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            **artifacts,
        },
        health=Health(f"http://127.0.0.1:{port}/health"),
        ports={"HTTP": port},
        port_setting="MLFLOW_PORT",
        depends_on=depends_on,
        url=f"http://127.0.0.1:{port}",
    )


def s3_artifacts(endpoint: str, access_key: str, secret_key: str, region: str) -> dict[str, str]:
    """The environment for artifacts in the bucket ``mlflow`` of an S3 store."""
    return {
        "MLFLOW_ARTIFACTS_DESTINATION": "s3://mlflow",
        "MLFLOW_S3_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": region,
    }
