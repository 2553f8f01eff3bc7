"""What Airflow makes of a task and of its errors."""

import json
import os
import subprocess
import sys

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from doubles.run_note import FakeRunNote
from readmission.errors import (
    ChecksumMismatch,
    InvalidBatch,
    InvalidInput,
    InvalidModel,
    MissingSetting,
    NotEnoughData,
    NothingToDo,
    ReadmissionError,
    SourceChanged,
    SourceUnavailable,
    Unauthorized,
)
from readmission.pipeline import wiring
from readmission.pipeline.tasks import airflow_errors, airflow_task


@pytest.fixture
def notes(monkeypatch):
    written = FakeRunNote()
    monkeypatch.setitem(wiring.COLLABORATORS, "run_note", lambda: written)
    return written


def translated(error: ReadmissionError):
    with airflow_errors("task", FakeRunNote):
        raise error


def run_task_that_raises(monkeypatch, error: ReadmissionError):
    """Run a task whose database cannot be made."""

    def fail():
        raise error

    monkeypatch.setitem(wiring.COLLABORATORS, "clean", fail)
    airflow_task("create_train_val_test_split")([1])


def test_nothing_to_do_skips_the_run_with_its_reason():
    with pytest.raises(AirflowSkipException, match="no new data"):
        translated(NothingToDo("no new data"))


@pytest.mark.parametrize(
    "error",
    [
        SourceChanged("other rows"),
        MissingSetting("S3_ACCESS_KEY"),
        InvalidBatch("race is missing"),
        InvalidModel("another digest"),
        NotEnoughData("one outcome only"),
        Unauthorized("key"),
        InvalidInput("2 EC2 instances"),
    ],
)
def test_what_no_retry_can_mend_fails_at_once_with_its_name_and_reason(error):
    with pytest.raises(AirflowFailException, match=f"{type(error).__name__}: {error}"):
        translated(error)


@pytest.mark.parametrize("error", [SourceUnavailable("down"), ChecksumMismatch("half a download")])
def test_what_may_pass_is_left_to_the_retries(error):
    with pytest.raises(type(error)):
        translated(error)


def test_the_note_of_a_skipped_run_says_which_task_skipped_it_and_why(monkeypatch, notes):
    with pytest.raises(AirflowSkipException):
        run_task_that_raises(monkeypatch, NothingToDo("no new data"))

    assert notes.lines == {"create_train_val_test_split": "no new data"}


def test_the_note_of_a_run_that_no_retry_can_mend_has_the_error(monkeypatch, notes):
    with pytest.raises(AirflowFailException):
        run_task_that_raises(monkeypatch, InvalidBatch("race is missing"))

    assert notes.lines == {"create_train_val_test_split": "InvalidBatch: race is missing"}


def test_an_error_that_is_retried_leaves_no_note(monkeypatch, notes):
    with pytest.raises(SourceUnavailable):
        run_task_that_raises(monkeypatch, SourceUnavailable("down"))

    assert notes.lines == {}


def test_the_note_of_a_skip_replaces_what_a_former_try_of_the_run_left(monkeypatch, notes):
    notes.add({"train_ml_models lightgbm any": "NotEnoughData: one outcome only"})

    with pytest.raises(AirflowSkipException):
        run_task_that_raises(monkeypatch, NothingToDo("no new data"))

    assert notes.lines == {"create_train_val_test_split": "no new data"}


def test_the_note_of_a_mapped_task_names_its_candidate_and_horizon(monkeypatch, notes):
    def fail():
        raise MissingSetting("S3_ACCESS_KEY")

    monkeypatch.setitem(wiring.COLLABORATORS, "store", fail)

    with pytest.raises(AirflowFailException):
        airflow_task("train_ml_models")(
            candidate="lightgbm", horizon="within_30_days", dataset={}, pipeline_run_id="manual-1"
        )

    assert list(notes.lines) == ["train_ml_models lightgbm within_30_days"]


def test_a_task_has_its_name_as_its_id():
    assert airflow_task("store_clean_data_mysql").__name__ == "store_clean_data_mysql"


@pytest.mark.parametrize(("references", "named"), [(([1, 2],), {}), ((), {"batch_numbers": [1, 2]})])
def test_a_task_gets_references_from_the_dag_and_the_rest_from_the_wiring(monkeypatch, clean, references, named):
    monkeypatch.setitem(wiring.COLLABORATORS, "clean", lambda: clean)
    task = airflow_task("create_train_val_test_split")

    # Airflow passes its whole context beside the DAG's own arguments
    answer = task(*references, **named, ds="2026-11-24", params={})

    assert answer == [1, 2]


@pytest.mark.usefixtures("notes")
def test_a_collaborator_without_its_setting_fails_the_task_at_once(monkeypatch):
    monkeypatch.delenv("CLEAN_DATABASE_URL", raising=False)

    with pytest.raises(AirflowFailException, match="CLEAN_DATABASE_URL"):
        airflow_task("create_train_val_test_split")([1])


@pytest.mark.parametrize(("set_by_operator", "seconds"), [({}, "60"), ({"MLFLOW_HTTP_REQUEST_TIMEOUT": "7"}, "7")])
def test_a_task_waits_for_mlflow_as_long_as_the_operator_says_or_a_minute(monkeypatch, clean, set_by_operator, seconds):
    monkeypatch.setattr(os, "environ", set_by_operator)
    monkeypatch.setitem(wiring.COLLABORATORS, "clean", lambda: clean)

    airflow_task("create_train_val_test_split")([1])

    assert set_by_operator["MLFLOW_HTTP_REQUEST_TIMEOUT"] == seconds


# what Airflow's supervisor does in the process of a task before it calls the task
TASK_PROCESS = """
import os, sys
from airflow.sdk.log import configure_logging
configure_logging(json_output=True, output=os.fdopen(int(sys.argv[1]), "wb", buffering=0))
import airflow.macros, airflow.utils.timezone
from readmission.pipeline import wiring
from readmission.pipeline.tasks import airflow_task

class Clean:
    def assign_splits(self, *_):
        import mlflow, skops.io
        from logging import getLogger
        getLogger("mlflow.models").warning("a word of MLflow")
        return 7

wiring.COLLABORATORS["clean"] = Clean
airflow_task("create_train_val_test_split")([3])
"""


@pytest.fixture(scope="module")
def task_process(tmp_path_factory):
    """What a task leaves: the events of its log, and what it wrote to stderr, which Airflow calls ERROR."""
    home = tmp_path_factory.mktemp("airflow")
    with (home / "events").open("w+b") as events:
        done = subprocess.run(
            [sys.executable, "-c", TASK_PROCESS, str(events.fileno())],
            pass_fds=[events.fileno()],
            env={**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        events.seek(0)
        return [json.loads(line) for line in events], done.stderr


def test_an_event_of_a_task_is_in_its_log_with_its_level_and_fields(task_process):
    events, _ = task_process

    found = [event for event in events if event["event"] == "split assigned"]

    assert [(event["level"], event["batch"], event["rows"]) for event in found] == [("info", 3, 7)]


def test_a_task_writes_nothing_to_stderr(task_process):
    assert task_process[1] == ""


def test_a_librarys_word_is_in_the_tasks_log_with_its_level(task_process):
    events, _ = task_process

    assert [event["level"] for event in events if event["event"] == "a word of MLflow"] == ["warning"]


def test_skops_does_not_fill_the_log_with_warnings_about_airflows_own_modules(task_process):
    events, stderr = task_process

    assert [event["event"] for event in events if event.get("category") == "DeprecatedImportWarning"] == []
    assert "DeprecatedImportWarning" not in stderr
