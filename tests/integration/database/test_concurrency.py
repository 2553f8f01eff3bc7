"""Several processes at one database, and processes that are killed in the middle; on each dialect."""

from datetime import UTC, datetime, timedelta

import pytest
from pandas.testing import assert_frame_equal
from sqlalchemy import func, select

from direct_connection import connect
from readmission.adapters.database import PredictionRecord
from readmission.adapters.database.tables import diabetes_clean, diabetes_raw, outcomes, predictions

KILLED = -9
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def count(database, table):
    with connect(database) as connection:
        return connection.scalar(select(func.count()).select_from(table))


@pytest.fixture
def raw_file(raw_frame, tmp_path):
    raw_frame().to_parquet(tmp_path / "raw.parquet")
    return tmp_path / "raw.parquet"


@pytest.fixture
def clean_file(clean_frame, tmp_path):
    clean_frame().to_parquet(tmp_path / "clean.parquet")
    return tmp_path / "clean.parquet"


def finish(processes):
    """What each process printed, when all went well."""
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), outputs
    return [stdout.strip() for stdout, _ in outputs]


def test_processes_that_store_the_same_raw_batch_add_its_rows_once(raw_database, raw_frame, raw_file, in_process):
    url = raw_database.url.render_as_string(hide_password=False)

    added = finish([in_process("store_raw", url, raw_file) for _ in range(2)])

    assert sorted(map(int, added)) == [0, len(raw_frame())]
    assert count(raw_database, diabetes_raw) == len(raw_frame())


def test_processes_that_store_the_same_clean_batch_add_its_rows_once(
    clean_database, clean_frame, clean_file, in_process
):
    url = clean_database.url.render_as_string(hide_password=False)

    added = finish([in_process("store_clean", url, clean_file) for _ in range(2)])

    assert sorted(map(int, added)) == [0, len(clean_frame())]
    assert count(clean_database, diabetes_clean) == len(clean_frame())


@pytest.mark.parametrize("last_statement", ["INSERT INTO batches", "CREATE TEMPORARY", "INSERT INTO diabetes_raw"])
def test_a_raw_load_that_is_killed_leaves_nothing(
    raw_database, raw_frame, raw_file, ledger_row, in_process, last_statement
):
    url = raw_database.url.render_as_string(hide_password=False)

    killed = in_process("store_raw", url, raw_file, last_statement)

    assert killed.wait(timeout=120) == KILLED
    assert (raw_database.batches(), count(raw_database, diabetes_raw)) == ([], 0)
    assert raw_database.store_batch(ledger_row(), raw_frame()) == len(raw_frame())


@pytest.mark.parametrize("last_statement", ["DELETE FROM diabetes_clean", "UPDATE diabetes_clean"])
def test_a_clean_load_that_is_killed_leaves_the_earlier_rows(
    clean_database, clean_frame, tmp_path, in_process, last_statement
):
    url = clean_database.url.render_as_string(hide_password=False)
    clean_database.store_batch(1, clean_frame())
    clean_database.assign_splits(1, lambda _patient_nbr: "train")
    before = clean_database.read_split("train")
    clean_frame().iloc[9:].assign(num_medications=77).to_parquet(tmp_path / "other.parquet")

    killed = in_process("store_clean", url, tmp_path / "other.parquet", last_statement)

    assert killed.wait(timeout=120) == KILLED
    assert_frame_equal(clean_database.read_split("train"), before)


def test_workers_that_log_at_once_lose_no_prediction(inference_database, in_process):
    url = inference_database.url.render_as_string(hide_password=False)

    finish([in_process("log", url, 60) for _ in range(3)])

    assert count(inference_database, predictions) == 180


def report_at_once(database, in_process, reports):
    """What became of reports on a prediction of yesterday, each sent by a process of its own at the same moment."""
    database.log_predictions([PredictionRecord("p-1", YESTERDAY, "m", "1", 0.5, 1, 0.4, {}, [], "predict")])
    url = database.url.render_as_string(hide_password=False)
    processes = [in_process("outcome", url, report) for report in reports]
    assert [process.stdout.readline().strip() for process in processes] == ["ready"] * len(processes)
    for process in processes:
        process.stdin.write("now\n")
        process.stdin.flush()
    return sorted(finish(processes))


def test_contradicting_outcomes_at_once_leave_one_of_them(inference_database, in_process):
    results = report_at_once(inference_database, in_process, [f"days_until_readmission={day % 2}" for day in range(4)])

    assert results == ["contradicts", "contradicts", "recorded", "recorded"]
    assert count(inference_database, outcomes) == 1


def test_outcomes_at_once_that_agree_are_all_known_afterwards(inference_database, in_process):
    reports = [f"not_readmitted_by={YESTERDAY.date()}", "days_until_readmission=1", "days_until_readmission=1"]

    results = report_at_once(inference_database, in_process, reports)

    assert results == ["recorded"] * 3
    with connect(inference_database) as connection:
        assert connection.scalars(select(outcomes.c.days_until_readmission)).all() == [1]


def test_processes_that_record_the_same_decision_write_it_once(inference_database, in_process):
    url = inference_database.url.render_as_string(hide_password=False)

    finish([in_process("promote", url, "1") for _ in range(3)])

    assert [record.version for record in inference_database.promotions()] == ["1"]


@pytest.fixture
def holder(inference_database, in_process):
    """A process that has the promotion lock, until it gets a line; then it writes a decision first."""
    process = in_process("hold_promotion_lock", inference_database.url.render_as_string(hide_password=False), "")
    assert process.stdout.readline().strip() == "held"
    return process


def test_one_promotion_waits_for_the_other(inference_database, in_process, holder):
    url = inference_database.url.render_as_string(hide_password=False)
    second = in_process("count_under_promotion_lock", url, "")
    assert second.stdout.readline().strip() == "waits"

    holder.communicate("now\n", timeout=120)

    assert finish([second]) == ["1"]


@pytest.mark.usefixtures("holder")
def test_predictions_are_written_while_the_promotion_lock_is_held(inference_database, in_process):
    url = inference_database.url.render_as_string(hide_password=False)

    finish([in_process("log", url, 5)])

    assert count(inference_database, predictions) == 5


def test_a_process_that_is_killed_releases_the_promotion_lock(inference_database, in_process, holder):
    holder.kill()
    holder.wait(timeout=120)

    url = inference_database.url.render_as_string(hide_password=False)

    assert finish([in_process("count_under_promotion_lock", url, "")]) == ["waits\n0"]
