"""This project's own services: the data API, the inference API and the clinician's page."""

from collections.abc import Mapping

from readmission.local.programs import environment_program
from readmission.local.service import Health, Service
from readmission.local.settings import PROJECT

_DATA_API_SETTINGS = ("DATA_", "UCI_", "SYNTHETIC_", "BATCH_", "HOST", "LOG_JSON")
_STREAMLIT_SETTINGS = ("INFERENCE_API_URL", "API_KEYS", "LOG_JSON")


def data_api_service(port: int, environment: Mapping[str, str]) -> Service:
    url = f"http://127.0.0.1:{port}"
    return Service(
        name="data-api",
        command=(environment_program("readmission"), "data-api"),
        environment={**_only(environment, _DATA_API_SETTINGS), "DATA_API_PORT": str(port)},
        health=Health(f"{url}/health"),
        ports={"HTTP": port},
        port_setting="DATA_API_PORT",
        url=url,
        ready_seconds=900,  # it may have to fetch the archive first
    )


def inference_service(port: int, environment: Mapping[str, str], depends_on: tuple[str, ...]) -> Service:
    """Well as soon as it lives: the model comes with the first pipeline run."""
    url = f"http://127.0.0.1:{port}"
    return Service(
        name="inference-api",
        command=(environment_program("readmission"), "serve"),
        environment={**environment, "INFERENCE_PORT": str(port)},
        health=Health(f"{url}/health"),
        ports={"HTTP": port},
        port_setting="INFERENCE_PORT",
        depends_on=depends_on,
        url=url,
    )


def streamlit_service(port: int, environment: Mapping[str, str]) -> Service:
    url = f"http://127.0.0.1:{port}"
    return Service(
        name="streamlit",
        command=(
            environment_program("streamlit"),
            "run",
            str(PROJECT / "streamlit" / "main.py"),
            "--server.address=127.0.0.1",
            f"--server.port={port}",
            "--server.headless=true",
            "--server.fileWatcherType=none",
            "--browser.gatherUsageStats=false",
        ),
        environment=_only(environment, _STREAMLIT_SETTINGS),
        health=Health(f"{url}/_stcore/health"),
        ports={"HTTP": port},
        port_setting="STREAMLIT_PORT",
        url=url,
    )


def _only(environment: Mapping[str, str], prefixes: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(prefixes)}
