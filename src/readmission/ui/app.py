"""Starts the clinician's page with the inference service that the settings name."""

import streamlit as st

from readmission.adapters.inference_api import InferenceApi
from readmission.settings import PageSettings
from readmission.ui.page import page
from readmission.ui.served_models import PATIENCE_SECONDS, ServedModels

PREDICTION_SECONDS = 10


def main(settings: PageSettings) -> None:
    """Draw the page with the inference API of ``INFERENCE_API_URL``."""
    served = _served_models(settings.inference_api_url)
    with InferenceApi(settings.inference_api_url, api_key=settings.page_api_key, timeout=PREDICTION_SECONDS) as api:
        page(api, served.models)


@st.cache_resource(show_spinner=False)
def _served_models(url: str) -> ServedModels:
    """One for all sessions and interactions of this process. ``/model-info`` needs no key."""
    return ServedModels(InferenceApi(url, timeout=PATIENCE_SECONDS).models)
