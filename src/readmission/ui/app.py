"""Starts the clinician's page with the inference service that the settings name."""

from readmission.adapters.inference_api import InferenceApi
from readmission.settings import PageSettings
from readmission.ui.page import page

PATIENCE_SECONDS = 10


def main(settings: PageSettings) -> None:
    """Draw the page with the inference API of ``INFERENCE_API_URL``."""
    with InferenceApi(settings.inference_api_url, api_key=settings.page_api_key, timeout=PATIENCE_SECONDS) as api:
        page(api)
