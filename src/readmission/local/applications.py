"""This project's own services: the data API, the inference API and the clinician's page."""

from readmission.local.mlflow import client_environment
from readmission.local.native import NativeRun, Start
from readmission.local.programs import environment_program
from readmission.local.settings import PROJECT


def data_api(run: NativeRun) -> Start:
    """The data API. It may download the UCI archive before it is healthy, so it gets 900 s to become ready."""
    return Start(
        command=(environment_program("readmission"), "data-api"),
        environment={
            "DATA_API_PORT": str(run.ports("data-api")["HTTP"]),
            "DATA_CACHE": str(run.home / "data-api"),
        },
        ready_seconds=900,
    )


def inference_api(run: NativeRun) -> Start:
    """The inference API. Its health does not need a model, because the first pipeline run makes the first one."""
    return Start(
        command=(environment_program("readmission"), "serve"),
        environment={
            "INFERENCE_PORT": str(run.ports("inference-api")["HTTP"]),
            "INFERENCE_GRPC_PORT": str(run.ports("inference-api")["gRPC"]),
            "SERVING_DIR": str(run.home / "inference-api"),
            "MODEL_POLL_SECONDS": "5",
            **client_environment(run, "serving"),
        },
    )


def streamlit(run: NativeRun) -> Start:
    """The clinician's page: Streamlit's server on the loopback address, without file watcher and usage statistics."""
    return Start(
        command=(
            environment_program("streamlit"),
            "run",
            str(PROJECT / "streamlit" / "main.py"),
            "--server.address=127.0.0.1",
            f"--server.port={run.ports('streamlit')['HTTP']}",
            "--server.headless=true",
            "--server.fileWatcherType=none",
            "--browser.gatherUsageStats=false",
        )
    )
