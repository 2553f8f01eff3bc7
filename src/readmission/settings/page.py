"""The settings of the clinician's page."""

from pydantic import SecretStr

from readmission.settings.parts import LogSettings


class PageSettings(LogSettings):
    """The settings of the page. ``page_api_key``: its own key, one of the inference API's ``API_KEYS``."""

    inference_api_url: str = "http://127.0.0.1:8000"
    page_api_key: SecretStr | None = None
