"""The note of a pipeline run, which Airflow shows with the run: why it was skipped or failed, or what it decided."""

from collections.abc import Callable
from contextlib import closing

import httpx

from readmission.adapters.airflow_api import AirflowApi
from readmission.errors import ReadmissionError
from readmission.log import get_logger
from readmission.settings import PipelineSettings

log = get_logger(__name__)


class RunNote:
    """Writes the note of one run through Airflow's REST API, because a task has no other way to it."""

    def __init__(self, settings: PipelineSettings, current_run: Callable[[], tuple[str, str]]) -> None:
        """``current_run`` gives the ids of the DAG and of its run; it is asked only when a note is written."""
        self._settings = settings
        self._current_run = current_run

    def write(self, text: str) -> None:
        """Replace the note; without ``AIRFLOW_API_URL`` nothing is written. An error is logged and never raised."""
        if self._settings.airflow_api_url is None:
            return
        try:
            with closing(self._signed_in(self._settings.airflow_api_url)) as airflow:
                airflow.note_run(*self._current_run(), text)
        except (ReadmissionError, httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("the note of the run was not written", reason=f"{type(error).__name__}: {error}", note=text)

    def _signed_in(self, url: str) -> AirflowApi:
        return AirflowApi.sign_in(url, self._settings.airflow_api_user, self._settings.require("airflow_api_password"))
