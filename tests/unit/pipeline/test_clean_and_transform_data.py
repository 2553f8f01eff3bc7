import pytest

from readmission.adapters.database import StoredBatch
from readmission.adapters.object_store import DATASETS
from readmission.domain.cleaning import CLEAN_COLUMNS
from readmission.domain.cohort import DEATH_OR_HOSPICE
from readmission.errors import NotFound
from readmission.pipeline.clean_and_transform_data import clean_and_transform_data


@pytest.fixture
def stored(raw, raw_frame):
    raw.store_batch(StoredBatch(4, "0" * 64, len(raw_frame), "synthetic", "key"), raw_frame)
    return raw


def test_a_batch_is_cleaned_into_an_object_of_its_number(stored, store):
    (ref,) = clean_and_transform_data([4], raw=stored, store=store)

    frame = store.get_frame(DATASETS, ref["key"])
    assert ref["key"] == "clean/batch-00004.parquet"
    assert tuple(frame.columns) == CLEAN_COLUMNS
    assert len(frame) == ref["rows"]


def test_what_was_dropped_is_counted(stored, store, raw_frame):
    outside = int(raw_frame["discharge_disposition_id"].isin(DEATH_OR_HOSPICE).sum())

    (ref,) = clean_and_transform_data([4], raw=stored, store=store)

    assert outside > 0
    assert ref["dropped"] == {"death or hospice": outside}
    assert ref["rows"] == len(raw_frame) - outside


def test_a_second_time_gives_the_same_object(stored, store):
    clean_and_transform_data([4], raw=stored, store=store)
    before = dict(store.objects)

    clean_and_transform_data([4], raw=stored, store=store)

    assert store.objects == before


def test_a_batch_that_is_not_stored_is_an_error(raw, store):
    with pytest.raises(NotFound, match="batch 9"):
        clean_and_transform_data([9], raw=raw, store=store)
