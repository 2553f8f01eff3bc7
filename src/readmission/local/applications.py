"""This project's own services: the data API, the inference API and the clinician's page."""

from readmission.local.native import NativeRun, Start
from readmission.local.programs import environment_program
from readmission.local.settings import PROJECT


def data_api(run: NativeRun) -> Start:
    return Start(
        command=(environment_program("readmission"), "data-api"),
        environment={
            "DATA_API_PORT": str(run.ports("data-api")["HTTP"]),
            "DATA_CACHE": str(run.home / "data-api"),
        },
        ready_seconds=900,  # it may have to fetch the archive first
    )


def inference_api(run: NativeRun) -> Start:
    """It is well as soon as it lives: the model comes with the first pipeline run."""
    return Start(
        command=(environment_program("readmission"), "serve"),
        environment={
            "INFERENCE_PORT": str(run.ports("inference-api")["HTTP"]),
            "SERVING_DIR": str(run.home / "inference-api"),
            "MODEL_POLL_SECONDS": "5",
        },
    )


def streamlit(run: NativeRun) -> Start:
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
