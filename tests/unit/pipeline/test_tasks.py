"""What Airflow makes of a task's errors."""

import os

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from readmission.errors import MissingSetting, NothingToDo, ReadmissionError, SourceChanged, SourceUnavailable
from readmission.pipeline.tasks import airflow_task


def task_that_raises(error: ReadmissionError):
    @airflow_task
    def task() -> None:
        raise error

    return task


def test_nothing_to_do_skips_the_run_with_its_reason():
    with pytest.raises(AirflowSkipException, match="no new data"):
        task_that_raises(NothingToDo("no new data"))()


@pytest.mark.parametrize("error", [SourceChanged("other rows"), MissingSetting("S3_ACCESS_KEY")])
def test_what_no_retry_can_mend_fails_at_once_by_its_name(error):
    with pytest.raises(AirflowFailException, match=type(error).__name__):
        task_that_raises(error)()


def test_what_may_pass_is_left_to_the_retries():
    with pytest.raises(SourceUnavailable):
        task_that_raises(SourceUnavailable("down"))()


@pytest.mark.parametrize(("set_by_operator", "seconds"), [({}, "60"), ({"MLFLOW_HTTP_REQUEST_TIMEOUT": "7"}, "7")])
def test_a_task_waits_for_mlflow_as_long_as_the_operator_says_or_a_minute(monkeypatch, set_by_operator, seconds):
    monkeypatch.setattr(os, "environ", set_by_operator)

    waits = airflow_task(lambda: os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"])()

    assert waits == seconds
