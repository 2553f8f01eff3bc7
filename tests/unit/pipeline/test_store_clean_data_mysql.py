import pytest

from readmission.adapters.object_store import DATASETS
from readmission.domain.cleaning import clean as clean_rows
from readmission.pipeline.references import CleanRef
from readmission.pipeline.store_clean_data_mysql import store_clean_data_mysql


@pytest.fixture
def cleaned(store, raw_frame):
    """A cleaned batch in the store, its reference, and its rows."""
    frame = clean_rows(raw_frame).frame
    key = "clean/batch-00002.parquet"
    store.put_frame(DATASETS, key, frame)
    return CleanRef(batch_number=2, key=key, rows=len(frame), dropped={}), frame


def _rows(clean):
    clean.assign_splits(2, lambda _patient: "train")
    return clean.read_split("train")


def test_a_cleaned_batch_becomes_rows_of_its_number(cleaned, store, clean):
    ref, frame = cleaned

    numbers = store_clean_data_mysql([ref], store=store, clean=clean)

    rows = _rows(clean)
    assert numbers == [2]
    assert sorted(rows["encounter_id"]) == sorted(frame["encounter_id"])
    assert set(rows["batch_number"]) == {2}


def test_unknown_values_stay_unknown(cleaned, store, clean):
    ref, frame = cleaned

    store_clean_data_mysql([ref], store=store, clean=clean)

    assert frame["race"].isna().any()
    assert _rows(clean)["race"].isna().sum() == frame["race"].isna().sum()


def test_a_second_time_adds_no_rows(cleaned, store, clean):
    ref, frame = cleaned
    store_clean_data_mysql([ref], store=store, clean=clean)

    store_clean_data_mysql([ref], store=store, clean=clean)

    assert len(_rows(clean)) == len(frame)


def test_a_batch_that_was_cleaned_anew_loses_the_rows_that_are_dropped_now(cleaned, store, clean):
    ref, frame = cleaned
    store_clean_data_mysql([ref], store=store, clean=clean)

    store.put_frame(DATASETS, ref["key"], frame.iloc[10:])
    store_clean_data_mysql([ref], store=store, clean=clean)

    assert sorted(_rows(clean)["encounter_id"]) == sorted(frame.iloc[10:]["encounter_id"])
