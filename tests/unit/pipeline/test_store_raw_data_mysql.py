import hashlib

import pandas as pd
import pytest

from readmission.adapters.object_store import LANDING, parquet
from readmission.errors import InvalidBatch
from readmission.pipeline.references import BatchRef
from readmission.pipeline.store_raw_data_mysql import store_raw_data_mysql


@pytest.fixture
def land(store):
    """Put a frame into the landing bucket and name it as the manifest would."""

    def put(frame, batch_number=1, **changes):
        data = parquet(frame)
        key = f"synthetic/batch-{batch_number:05d}.parquet"
        store.put(LANDING, key, data)
        ref = BatchRef(
            batch_number=batch_number,
            sha256=hashlib.sha256(data).hexdigest(),
            rows=len(frame),
            key=key,
            source="synthetic",
        )
        return BatchRef(**ref | changes)

    return put


def test_a_landed_batch_becomes_rows_and_a_line_of_the_ledger(land, store, raw, received):
    ref = land(received)

    numbers = store_raw_data_mysql([ref], store=store, raw=raw)

    (stored,) = raw.batches()
    assert numbers == [1]
    assert (stored.sha256, stored.rows, stored.key) == (ref["sha256"], len(received), ref["key"])
    assert stored.pipeline_run_id is None
    assert sorted(raw.read_batch(1)["encounter_id"]) == sorted(received["encounter_id"])


def test_a_second_time_adds_no_rows(land, store, raw, received):
    ref = land(received)
    store_raw_data_mysql([ref], store=store, raw=raw)

    store_raw_data_mysql([ref], store=store, raw=raw)

    assert len(raw.batches()) == 1
    assert len(raw.read_batch(1)) == len(received)


def test_a_landed_batch_that_was_altered_is_refused(land, store, raw, received):
    ref = land(received)
    store.put(LANDING, ref["key"], parquet(received.iloc[1:]))

    with pytest.raises(InvalidBatch, match="not the one that was published"):
        store_raw_data_mysql([ref], store=store, raw=raw)

    assert raw.batches() == []


def test_a_batch_with_other_rows_than_its_manifest_says_is_refused(land, store, raw, received):
    with pytest.raises(InvalidBatch, match=f"has {len(received)} rows, its manifest says 7"):
        store_raw_data_mysql([land(received, rows=7)], store=store, raw=raw)


def test_a_batch_that_breaks_the_raw_contract_is_refused_before_any_row_is_stored(land, store, raw, received):
    broken = pd.concat([received, received.iloc[:1]])

    with pytest.raises(InvalidBatch, match="encounter_id repeats in 1 rows"):
        store_raw_data_mysql([land(broken)], store=store, raw=raw)

    assert raw.batches() == []
