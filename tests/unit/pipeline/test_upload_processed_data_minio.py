import pytest

from readmission.adapters.database import StoredBatch
from readmission.adapters.object_store import DATASETS
from readmission.domain.cleaning import clean as clean_rows
from readmission.domain.cohort import SPLITS, patient_split
from readmission.pipeline.upload_processed_data_minio import upload_processed_data_minio


@pytest.fixture
def frame(raw_frame):
    return clean_rows(raw_frame).frame


@pytest.fixture
def add(raw, clean, raw_frame):
    """Store some clean rows as a batch and split them."""

    def add_batch(number, rows):
        batch = StoredBatch(number, f"{number:064d}", len(raw_frame), "synthetic", "key")
        raw.store_batch(batch, raw_frame)
        clean.store_batch(number, rows.reset_index(drop=True))
        clean.assign_splits(number, patient_split)

    return add_batch


def test_each_split_is_one_object_under_the_digest(add, frame, raw, clean, store):
    add(1, frame)

    ref = upload_processed_data_minio([1], raw=raw, clean=clean, store=store)

    assert set(store.objects) == {(DATASETS, f"{ref['digest']}/{split}.parquet") for split in SPLITS}
    uploaded = {split: len(store.get_frame(DATASETS, f"{ref['digest']}/{split}.parquet")) for split in SPLITS}
    assert uploaded == ref["rows"]
    assert sum(uploaded.values()) == len(frame)


def test_the_reference_says_which_batches_and_which_source(add, frame, raw, clean, store):
    add(1, frame.iloc[:100])
    add(2, frame.iloc[100:])

    ref = upload_processed_data_minio([2], raw=raw, clean=clean, store=store)

    assert ref["batch_numbers"] == [1, 2]
    assert ref["source"] == "synthetic"


def test_a_batch_of_which_no_row_was_kept_is_one_of_the_run_but_not_of_the_data_set(add, frame, raw, clean, store):
    add(1, frame)
    add(2, frame.iloc[:0])

    ref = upload_processed_data_minio([2], raw=raw, clean=clean, store=store)

    # else no run would ever mark the batch as processed, and each would train anew
    assert (ref["batch_numbers"], ref["run_batch_numbers"]) == ([1], [2])


def test_the_same_rows_have_the_same_digest(add, frame, raw, clean, store):
    add(1, frame)
    first = upload_processed_data_minio([1], raw=raw, clean=clean, store=store)
    objects = dict(store.objects)

    second = upload_processed_data_minio([1], raw=raw, clean=clean, store=store)

    assert second == first
    assert store.objects == objects


def test_more_rows_have_another_digest_and_leave_the_old_data_set_alone(add, frame, raw, clean, store):
    add(1, frame.iloc[:100])
    first = upload_processed_data_minio([1], raw=raw, clean=clean, store=store)
    before = dict(store.objects)
    add(2, frame.iloc[100:])

    second = upload_processed_data_minio([2], raw=raw, clean=clean, store=store)

    assert second["digest"] != first["digest"]
    assert before.items() <= store.objects.items()


def test_a_run_of_an_older_batch_leaves_newer_rows_out(add, frame, raw, clean, store):
    add(1, frame.iloc[:100])
    before = upload_processed_data_minio([1], raw=raw, clean=clean, store=store)
    add(2, frame.iloc[100:])

    assert upload_processed_data_minio([1], raw=raw, clean=clean, store=store) == before
