"""The note of a pipeline run, which Airflow shows with the run: why it was skipped or failed, or what it decided."""

from collections.abc import Callable, Mapping
from contextlib import closing

import httpx

from readmission.adapters.airflow_api import NOTE_CHARACTERS, AirflowApi
from readmission.errors import ReadmissionError
from readmission.log import get_logger
from readmission.settings import PipelineSettings

log = get_logger(__name__)


class RunNote:
    """Writes the note of one run through Airflow's REST API, because a task has no other way to it.

    A note has one line for each subject: ``subject: text``. Without ``AIRFLOW_API_URL`` nothing is written. An error is
    logged and never raised.
    """

    def __init__(self, settings: PipelineSettings, current_run: Callable[[], tuple[str, str]]) -> None:
        """``current_run`` gives the ids of the DAG and of its run; it is asked only when a note is written."""
        self._settings = settings
        self._current_run = current_run

    def write(self, lines: Mapping[str, str]) -> None:
        """Replace the note by these texts, by subject."""
        self._change(lines, lambda _: "")

    def add(self, lines: Mapping[str, str]) -> None:
        """Add these texts, by subject; a line of the same subject is replaced, the others stay."""
        self._change(lines, lambda airflow: airflow.note_of_run(*self._current_run()))

    def _change(self, lines: Mapping[str, str], present: Callable[[AirflowApi], str]) -> None:
        if self._settings.airflow_api_url is None:
            return
        try:
            with closing(self._signed_in(self._settings.airflow_api_url)) as airflow:
                airflow.note_run(*self._current_run(), merged(present(airflow), lines))
        except (ReadmissionError, httpx.HTTPError, httpx.InvalidURL) as error:
            reason = f"{type(error).__name__}: {error}"
            log.warning("the note of the run was not written", reason=reason, note=merged("", lines))

    def _signed_in(self, url: str) -> AirflowApi:
        return AirflowApi.sign_in(url, self._settings.airflow_api_user, self._settings.require("airflow_api_password"))


def merged(note: str, lines: Mapping[str, str]) -> str:
    """A note with these lines added; when it is longer than ``NOTE_CHARACTERS``, its long lines are cut off."""
    kept = [line for line in note.splitlines() if line.partition(": ")[0] not in lines]
    all_lines = kept + [" ".join(f"{subject}: {text}".split()) for subject, text in lines.items()]
    if len("\n".join(all_lines)) <= NOTE_CHARACTERS:
        return "\n".join(all_lines)
    share = max(1, (NOTE_CHARACTERS + 1) // len(all_lines) - 1)
    return "\n".join(line if len(line) <= share else f"{line[: share - 1]}…" for line in all_lines)
