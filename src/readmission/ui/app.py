"""Starts the clinician's page with the inference service that the settings name."""

from readmission.adapters.inference_api import InferenceApi
from readmission.settings import Settings
from readmission.ui.page import page

LOCAL_INFERENCE_API = "http://127.0.0.1:8000"
PATIENCE_SECONDS = 10


def main(settings: Settings) -> None:
    """Draw the page. Without ``INFERENCE_API_URL``, it calls the inference service of this machine."""
    url = settings.inference_api_url or LOCAL_INFERENCE_API
    with InferenceApi(url, api_keys=settings.api_keys, timeout=PATIENCE_SECONDS) as api:
        page(api)
