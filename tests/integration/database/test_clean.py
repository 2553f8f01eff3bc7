"""The clean database on each dialect."""

import pytest
from pandas.testing import assert_frame_equal
from sqlalchemy import func, select, table, text

from direct_connection import connect
from readmission.domain.cleaning import CLEAN_COLUMNS
from readmission.domain.cohort import SPLITS, patient_split
from readmission.errors import InvalidBatch, InvalidInput


def rows_of(database, batch_number):
    statement = text("SELECT encounter_id FROM diabetes_clean WHERE batch_number = :n ORDER BY encounter_id")
    with connect(database) as connection:
        return list(connection.scalars(statement, {"n": batch_number}))


def sorted_ids(frame):
    return sorted(frame["encounter_id"].tolist())


def all_train(_patient_nbr):
    return "train"


def test_the_train_split_comes_back_as_it_was_cleaned(clean_database, clean_frame):
    frame = clean_frame()
    clean_database.store_batch(1, frame)

    clean_database.assign_splits(1, all_train)

    back = clean_database.read_split("train")
    assert back["batch_number"].unique().tolist() == [1]
    assert_frame_equal(back[list(CLEAN_COLUMNS)], frame.sort_values("encounter_id", ignore_index=True))


def test_each_row_gets_the_split_of_its_patient(clean_database, clean_frame):
    clean_database.store_batch(1, clean_frame())

    counts = clean_database.assign_splits(1, patient_split)

    for split in SPLITS:
        frame = clean_database.read_split(split)
        assert len(frame) == counts[split]
        assert {patient_split(patient) for patient in frame["patient_nbr"]} == {split}


def test_assigning_splits_again_changes_nothing(clean_database, clean_frame):
    clean_database.store_batch(1, clean_frame())
    counts = clean_database.assign_splits(1, patient_split)
    before = clean_database.read_split("test")

    again = clean_database.assign_splits(1, patient_split)

    assert again == counts
    assert_frame_equal(clean_database.read_split("test"), before)


def test_an_assigned_split_is_never_changed(clean_database, clean_frame):
    clean_database.store_batch(1, clean_frame())
    clean_database.assign_splits(1, all_train)

    with pytest.raises(InvalidBatch, match="another split"):
        clean_database.assign_splits(1, lambda _patient_nbr: "test")

    assert len(clean_database.read_split("train")) == len(clean_frame())


def test_a_patient_of_an_earlier_batch_cannot_get_another_split(clean_database, clean_frame):
    first, second = clean_frame(1), clean_frame(2)
    second.loc[0, "patient_nbr"] = first.loc[0, "patient_nbr"]
    clean_database.store_batch(1, first)
    clean_database.assign_splits(1, all_train)
    clean_database.store_batch(2, second)

    with pytest.raises(InvalidBatch, match="another split"):
        clean_database.assign_splits(2, lambda _patient_nbr: "test")

    assert clean_database.read_split("test").empty


def test_a_split_that_does_not_exist_is_refused(clean_database, clean_frame):
    clean_database.store_batch(1, clean_frame())

    with pytest.raises(InvalidInput, match="train, validation, test"):
        clean_database.assign_splits(1, lambda _patient_nbr: "dev")

    with pytest.raises(InvalidInput, match="train, validation, test"):
        clean_database.read_split("dev")


def test_a_batch_without_rows_has_no_splits(clean_database, clean_frame):
    clean_database.store_batch(1, clean_frame().iloc[:0])

    assert clean_database.assign_splits(1, patient_split) == {"train": 0, "validation": 0, "test": 0}
    assert clean_database.read_split("train").dtypes["readmitted"] == "int8"


def test_a_retry_of_a_batch_adds_no_rows(clean_database, clean_frame):
    first = clean_database.store_batch(1, clean_frame())

    again = clean_database.store_batch(1, clean_frame())

    assert (first, again) == (len(clean_frame()), 0)
    assert rows_of(clean_database, 1) == sorted_ids(clean_frame())


def test_a_batch_cleaned_again_takes_the_new_values_and_keeps_its_split(clean_database, clean_frame):
    clean_database.store_batch(1, clean_frame())
    clean_database.assign_splits(1, all_train)
    fixed = clean_frame().assign(num_medications=clean_frame()["num_medications"] + 1)
    fixed.loc[0, "race"] = None

    clean_database.store_batch(1, fixed)

    back = clean_database.read_split("train")[list(CLEAN_COLUMNS)]
    assert_frame_equal(back, fixed.sort_values("encounter_id", ignore_index=True))


def test_rows_that_a_batch_no_longer_keeps_are_deleted(clean_database, clean_frame):
    clean_database.store_batch(1, clean_frame(1))
    clean_database.store_batch(2, clean_frame(2))

    clean_database.store_batch(1, clean_frame(1).iloc[5:])

    assert rows_of(clean_database, 1) == sorted_ids(clean_frame(1).iloc[5:])
    assert rows_of(clean_database, 2) == sorted_ids(clean_frame(2))


def test_an_encounter_of_an_earlier_batch_stays_as_it_is(clean_database, clean_frame):
    first, second = clean_frame(1), clean_frame(2)
    second.loc[:4] = first.loc[:4]
    second.loc[:4, "num_medications"] = 77
    clean_database.store_batch(1, first)

    added = clean_database.store_batch(2, second)
    clean_database.assign_splits(1, all_train)

    assert added == len(second) - 5
    back = clean_database.read_split("train")[list(CLEAN_COLUMNS)]
    assert_frame_equal(back, first.sort_values("encounter_id", ignore_index=True))


def test_the_batches_that_have_rows_are_listed(clean_database, clean_frame):
    clean_database.store_batch(2, clean_frame(2))
    clean_database.store_batch(1, clean_frame(1))

    assert clean_database.batch_numbers() == [1, 2]


def test_each_view_shows_its_split(clean_database, clean_frame):
    clean_database.store_batch(1, clean_frame())
    counts = clean_database.assign_splits(1, patient_split)

    views = {split: select(func.count()).select_from(table(f"{split}_data")) for split in SPLITS}
    with connect(clean_database) as connection:
        shown = {split: connection.scalar(views[split]) for split in SPLITS}

    assert shown == counts


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_medications", 40_000, "num_medications is too large"),
        ("num_medications", None, "num_medications is missing in 1 rows"),
        ("diag_1", "123456789", "diag_1 must be text of up to 8"),
    ],
)
def test_a_value_that_the_table_cannot_hold_is_refused(clean_database, clean_frame, name, value, message):
    frame = clean_frame()
    frame.loc[3, name] = value

    with pytest.raises(InvalidBatch, match=message):
        clean_database.store_batch(1, frame)

    assert clean_database.batch_numbers() == []
