"""The clinician's page against the inference service of the settings."""

from readmission.adapters.inference_api import InferenceApi
from readmission.settings import Settings
from readmission.ui.page import page

LOCAL_INFERENCE_API = "http://127.0.0.1:8000"


def main(settings: Settings) -> None:
    """Draw the page; ``INFERENCE_API_URL`` says where the service is, this machine's own when it is not set."""
    page(InferenceApi(settings.inference_api_url or LOCAL_INFERENCE_API))
