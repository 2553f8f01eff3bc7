"""The raw database on each dialect."""

from dataclasses import replace

import pytest
from pandas.testing import assert_frame_equal
from sqlalchemy import text

from direct_connection import connect
from readmission.errors import InvalidBatch, NotFound, SourceChanged


def in_order(frame):
    return frame.sort_values("encounter_id", ignore_index=True)


def count(database):
    with connect(database) as connection:
        return connection.scalar(text("SELECT COUNT(*) FROM diabetes_raw"))


def test_a_batch_comes_back_as_it_was_validated(raw_database, raw_frame, ledger_row):
    frame = raw_frame()

    added = raw_database.store_batch(ledger_row(), frame)

    assert added == len(frame)
    assert_frame_equal(raw_database.read_batch(1), in_order(frame))


def test_a_retry_of_a_batch_adds_no_rows(raw_database, raw_frame, ledger_row):
    raw_database.store_batch(ledger_row(), raw_frame())

    added = raw_database.store_batch(ledger_row(), raw_frame())

    assert (added, count(raw_database), len(raw_database.batches())) == (0, len(raw_frame()), 1)


def test_an_encounter_of_an_earlier_batch_stays_in_it(raw_database, raw_frame, ledger_row):
    first, second = raw_frame(1), raw_frame(2)
    second.iloc[:10] = first.iloc[:10]
    raw_database.store_batch(ledger_row(1), first)

    added = raw_database.store_batch(ledger_row(2), second)

    assert added == len(second) - 10
    assert_frame_equal(raw_database.read_batch(1), in_order(first))
    assert_frame_equal(raw_database.read_batch(2), in_order(second.iloc[10:]))


def test_text_that_could_break_a_load_comes_back_unchanged(raw_database, raw_frame, ledger_row):
    frame = raw_frame()
    hostile = [
        "\t",
        "\n",
        "\r\n",
        "\\",
        "\\N",
        "N",
        "NULL",
        "",
        " x ",
        "'\";--",
        "\0",
        "ñ漢😀",
        "%s",
        "a" * 255,
        "\x1a",
    ]
    frame.loc[: len(hostile) - 1, "medical_specialty"] = hostile
    frame.loc[len(hostile), "medical_specialty"] = None

    raw_database.store_batch(ledger_row(), frame)

    assert_frame_equal(raw_database.read_batch(1), in_order(frame))


def test_the_largest_and_smallest_integers_come_back(raw_database, raw_frame, ledger_row):
    frame = raw_frame()
    frame.loc[0:2, "num_medications"] = [2**63 - 1, -(2**63), None]

    raw_database.store_batch(ledger_row(), frame)

    assert_frame_equal(raw_database.read_batch(1), in_order(frame))


def test_a_column_without_any_value_comes_back(raw_database, raw_frame, ledger_row):
    frame = raw_frame()
    frame["weight"] = frame["weight"].mask(frame["weight"].notna())
    frame["num_medications"] = frame["num_medications"].mask(frame["num_medications"].notna())

    raw_database.store_batch(ledger_row(), frame)

    assert_frame_equal(raw_database.read_batch(1), in_order(frame))


def test_a_batch_without_rows_is_stored(raw_database, raw_frame, ledger_row):
    frame = raw_frame().iloc[:0]

    added = raw_database.store_batch(replace(ledger_row(), rows=0), frame)

    assert added == 0
    assert_frame_equal(raw_database.read_batch(1), frame)


def test_another_sha256_for_a_stored_batch_is_refused(raw_database, raw_frame, ledger_row):
    raw_database.store_batch(ledger_row(), raw_frame())

    with pytest.raises(SourceChanged, match="batch 1 is stored with another sha256"):
        raw_database.store_batch(ledger_row(sha256="b" * 64), raw_frame(2))

    assert_frame_equal(raw_database.read_batch(1), in_order(raw_frame()))


def test_a_batch_of_another_source_is_refused(raw_database, raw_frame, ledger_row):
    raw_database.store_batch(ledger_row(1, source="synthetic"), raw_frame())

    with pytest.raises(SourceChanged, match="come from synthetic, batch 2 from uci"):
        raw_database.store_batch(ledger_row(2, source="uci"), raw_frame(2))

    assert count(raw_database) == len(raw_frame())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda frame: frame.assign(race="x" * 256), "race must be text of up to 255"),
        (lambda frame: frame.assign(race=1), "race must be text"),
        (lambda frame: frame.assign(num_medications="1"), "num_medications must be integer"),
        (lambda frame: frame.drop(columns="race"), "wrong columns"),
        (lambda frame: frame.assign(encounter_id=7), "encounter_id repeats"),
        (lambda frame: frame.iloc[1:], "299 rows, not 300"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_whole(raw_database, raw_frame, ledger_row, spoil, message):
    with pytest.raises(InvalidBatch, match=message):
        raw_database.store_batch(ledger_row(), spoil(raw_frame()))

    assert raw_database.batches() == []


def test_a_batch_that_is_not_stored_is_not_found(raw_database):
    with pytest.raises(NotFound, match="batch 9"):
        raw_database.read_batch(9)


def test_the_ledger_lists_batches_by_number(raw_database, raw_frame, ledger_row):
    raw_database.store_batch(ledger_row(2), raw_frame(2))
    raw_database.store_batch(ledger_row(1), raw_frame(1))

    assert raw_database.batches() == [ledger_row(1), ledger_row(2)]


def test_the_first_run_that_processed_a_batch_stays(raw_database, raw_frame, ledger_row):
    raw_database.store_batch(ledger_row(1), raw_frame(1))
    raw_database.store_batch(ledger_row(2), raw_frame(2))

    raw_database.mark_processed([1], "run-1")
    raw_database.mark_processed([1, 2], "run-2")

    assert [batch.pipeline_run_id for batch in raw_database.batches()] == ["run-1", "run-2"]


def test_an_unknown_batch_cannot_be_processed(raw_database, raw_frame, ledger_row):
    raw_database.store_batch(ledger_row(1), raw_frame(1))

    with pytest.raises(NotFound, match=r"\[2\]"):
        raw_database.mark_processed([1, 2], "run-1")

    assert raw_database.batches()[0].pipeline_run_id is None


def test_no_batch_to_process_is_no_error(raw_database):
    raw_database.mark_processed([], "run-1")

    assert raw_database.batches() == []
