"""Which batches a run takes, with fakes of the data API, the ledger and the store."""

from dataclasses import replace

import pytest

from readmission.adapters.data_api import Manifest, PublishedBatch
from readmission.adapters.database import StoredBatch
from readmission.errors import NothingToDo, SourceChanged, SourceUnavailable
from readmission.pipeline.fetch_data_from_api import fetch_data_from_api

RUN = "scheduled__1"


class FakeDataApi:
    def __init__(self, published: int, source: str = "synthetic") -> None:
        self.source = source
        self.published = published
        self.fetched: list[int] = []
        self.down_at: int | None = None
        self.next_batch_at: str | None = "2026-11-23T12:00:00Z"

    def manifest(self) -> Manifest:
        batches = [PublishedBatch(batch_number=n, rows=10, sha256=f"{n:064d}") for n in range(1, self.published + 1)]
        return Manifest(
            total_batches=7,
            published=self.published,
            exhausted=False,
            next_batch_at=self.next_batch_at,
            source=self.source,
            batches=batches,
        )

    def fetch_batch(self, batch_number: int, sha256: str | None = None) -> bytes:  # noqa: ARG002
        if batch_number == self.down_at:
            raise SourceUnavailable("gone")
        self.fetched.append(batch_number)
        return f"batch {batch_number}".encode()


class FakeLedger:
    def __init__(self, *batches: StoredBatch) -> None:
        self._batches = list(batches)

    def batches(self) -> list[StoredBatch]:
        return self._batches


class MemoryStore:
    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def exists(self, bucket: str, key: str) -> bool:
        return (bucket, key) in self.objects

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.objects[bucket, key] = data


def stored(number: int, run: str | None = "an earlier run") -> StoredBatch:
    return StoredBatch(
        batch_number=number,
        sha256=f"{number:064d}",
        rows=10,
        source="synthetic",
        key=f"synthetic/batch-{number:05d}-{number:016d}.parquet",
        pipeline_run_id=run,
    )


def fetch(api: FakeDataApi, ledger: FakeLedger, store: MemoryStore | None = None) -> list[int]:
    refs = fetch_data_from_api(RUN, data_api=api, raw=ledger, store=store or MemoryStore())
    return [ref["batch_number"] for ref in refs]


def test_every_published_batch_that_is_not_stored_is_taken_oldest_first():
    api, ledger = FakeDataApi(published=5), FakeLedger(stored(1), stored(2))

    taken = fetch(api, ledger)

    assert taken == [3, 4, 5]
    assert api.fetched == [3, 4, 5]


def test_a_run_without_new_batches_has_nothing_to_do_and_says_when_the_next_one_comes():
    api, ledger = FakeDataApi(published=1), FakeLedger(stored(1))

    with pytest.raises(NothingToDo, match=r"1 of 7 batches .* 2026-11-23T12:00:00Z"):
        fetch(api, ledger)


def test_a_run_after_the_last_batch_says_that_no_more_will_come():
    api, ledger = FakeDataApi(published=1), FakeLedger(stored(1))
    api.next_batch_at = None

    with pytest.raises(NothingToDo, match="no more will come"):
        fetch(api, ledger)


def test_a_batch_that_was_stored_but_never_finished_is_taken_again():
    api, ledger = FakeDataApi(published=2), FakeLedger(stored(1, run=None), stored(2))

    assert fetch(api, ledger) == [1]


def test_a_cleared_run_takes_the_batches_that_it_finished_before():
    api, ledger = FakeDataApi(published=3), FakeLedger(stored(1), stored(2, run=RUN), stored(3, run=RUN))

    assert fetch(api, ledger) == [2, 3]


def test_a_stored_batch_that_the_restarted_source_no_longer_publishes_is_still_finished():
    api, ledger = FakeDataApi(published=1), FakeLedger(stored(1), stored(2, run=None))
    store = MemoryStore()
    store.put("landing", stored(2).key, b"landed before")

    assert fetch(api, ledger, store) == [2]


def test_a_landed_batch_is_not_fetched_again():
    api, ledger, store = FakeDataApi(published=2), FakeLedger(), MemoryStore()
    fetch(api, ledger, store)
    api.fetched.clear()

    taken = fetch(api, ledger, store)

    assert taken == [1, 2]
    assert api.fetched == []


def test_batches_landed_before_the_source_went_down_stay_landed():
    api, ledger, store = FakeDataApi(published=3), FakeLedger(), MemoryStore()
    api.down_at = 3

    with pytest.raises(SourceUnavailable):
        fetch(api, ledger, store)

    assert len(store.objects) == 2


def test_synthetic_and_real_rows_are_never_mixed():
    api, ledger = FakeDataApi(published=1, source="uci"), FakeLedger(stored(1))

    with pytest.raises(SourceChanged, match="hands out uci data, but synthetic data is stored"):
        fetch(api, ledger)


def test_a_batch_that_changed_its_content_is_refused():
    api = FakeDataApi(published=2)
    ledger = FakeLedger(replace(stored(1), sha256="f" * 64))

    with pytest.raises(SourceChanged, match="batch 1"):
        fetch(api, ledger)
