"""The clinician's page against the inference service of the settings."""

from readmission.adapters.inference_api import InferenceApi
from readmission.settings import PageSettings
from readmission.ui.page import page

PATIENCE_SECONDS = 10


def main(settings: PageSettings) -> None:
    """Draw the page against the inference API of ``INFERENCE_API_URL``."""
    with InferenceApi(settings.inference_api_url, api_keys=settings.page_api_key, timeout=PATIENCE_SECONDS) as api:
        page(api)
