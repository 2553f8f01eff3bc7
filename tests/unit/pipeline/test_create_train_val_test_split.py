import pytest

from readmission.domain.cleaning import clean as clean_rows
from readmission.domain.cohort import SPLITS, patient_split
from readmission.pipeline.create_train_val_test_split import create_train_val_test_split


@pytest.fixture
def stored(clean, raw_frame):
    """Two batches, of which some patients are in both."""
    frame = clean_rows(raw_frame).frame
    half = len(frame) // 2
    clean.store_batch(1, frame.iloc[:half].reset_index(drop=True))
    clean.store_batch(2, frame.iloc[half:].reset_index(drop=True))
    return clean


def _splits(clean):
    return {
        (row.encounter_id, row.patient_nbr, split) for split in SPLITS for row in clean.read_split(split).itertuples()
    }


def test_every_row_is_in_the_split_of_its_patient(stored):
    numbers = create_train_val_test_split([1, 2], clean=stored)

    assigned = _splits(stored)
    assert numbers == [1, 2]
    assert len(assigned) > 250
    assert all(split == patient_split(patient) for _, patient, split in assigned)


def test_batches_split_one_after_the_other_give_what_both_at_once_give(stored):
    create_train_val_test_split([2], clean=stored)
    create_train_val_test_split([1], clean=stored)
    one_by_one = _splits(stored)

    create_train_val_test_split([1, 2], clean=stored)

    assert _splits(stored) == one_by_one


def test_only_the_named_batches_are_split(stored):
    create_train_val_test_split([1], clean=stored)

    assert {number for split in SPLITS for number in stored.read_split(split)["batch_number"]} == {1}
