"""The clinician's page against the inference service of the settings."""

from readmission.adapters.inference_api import InferenceApi
from readmission.settings import Settings
from readmission.ui.page import page

LOCAL_INFERENCE_API = "http://127.0.0.1:8000"
PATIENCE_SECONDS = 10


def main(settings: Settings) -> None:
    """Draw the page; ``INFERENCE_API_URL`` says where the service is, this machine's own when it is not set."""
    url = settings.inference_api_url or LOCAL_INFERENCE_API
    with InferenceApi(url, api_keys=settings.api_keys, timeout=PATIENCE_SECONDS) as api:
        page(api)
