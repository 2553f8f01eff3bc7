"""What Airflow makes of a task and of its errors."""

import os

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from readmission.errors import (
    MissingSetting,
    NothingToDo,
    ReadmissionError,
    SourceChanged,
    SourceUnavailable,
    Unauthorized,
)
from readmission.pipeline import wiring
from readmission.pipeline.tasks import airflow_errors, airflow_task


def translated(error: ReadmissionError):
    with airflow_errors():
        raise error


def test_nothing_to_do_skips_the_run_with_its_reason():
    with pytest.raises(AirflowSkipException, match="no new data"):
        translated(NothingToDo("no new data"))


@pytest.mark.parametrize("error", [SourceChanged("rows"), MissingSetting("S3_ACCESS_KEY"), Unauthorized("key")])
def test_what_no_retry_can_mend_fails_at_once_by_its_name(error):
    with pytest.raises(AirflowFailException, match=type(error).__name__):
        translated(error)()


def test_what_may_pass_is_left_to_the_retries():
    with pytest.raises(SourceUnavailable):
        translated(SourceUnavailable("down"))


def test_a_task_has_its_name_as_its_id():
    assert airflow_task("store_clean_data_mysql").__name__ == "store_clean_data_mysql"


@pytest.mark.parametrize(("references", "named"), [(([1, 2],), {}), ((), {"batch_numbers": [1, 2]})])
def test_a_task_gets_references_from_the_dag_and_the_rest_from_the_wiring(monkeypatch, clean, references, named):
    monkeypatch.setitem(wiring.COLLABORATORS, "clean", lambda: clean)
    task = airflow_task("create_train_val_test_split")

    # Airflow passes its whole context beside the DAG's own arguments
    answer = task(*references, **named, ds="2026-11-24", params={})

    assert answer == [1, 2]


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
