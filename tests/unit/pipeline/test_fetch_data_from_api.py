"""Which batches a run takes, with doubles of the data API and the store, and a real ledger."""

from datetime import UTC, datetime

import pytest

from doubles.data_api import FakeDataApi
from doubles.object_store import MemoryStore
from readmission.adapters.database import PromotionRecord, StoredBatch
from readmission.errors import NothingToDo, SourceChanged, SourceUnavailable
from readmission.pipeline.fetch_data_from_api import fetch_data_from_api

RUN = "scheduled__1"


def stored(number: int, **changes: object) -> StoredBatch:
    sha256 = FakeDataApi.sha256(number)
    key = f"synthetic/batch-{number:05d}-{sha256[:16]}.parquet"
    batch = {"batch_number": number, "sha256": sha256, "rows": 10, "source": "synthetic", "key": key}
    return StoredBatch(**batch | changes)


@pytest.fixture
def ledger(raw, raw_frame):
    """``ledger(stored(1), run="an earlier run")`` adds batches, and says which run took them to the end."""

    def add(*batches, run="an earlier run"):
        for batch in batches:
            number = batch.batch_number
            raw.store_batch(batch, raw_frame.iloc[10 * number : 10 * number + 10])
        if run:
            raw.mark_processed([batch.batch_number for batch in batches], run)

    return add


@pytest.fixture
def inference(inference):
    """The gate has decided on a model of ``any``."""
    inference.record_promotion(decision("diabetes_classifier", horizon="any"))
    return inference


def decision(model_name: str, action: str = "promote", version: str = "1", **evidence: str) -> PromotionRecord:
    return PromotionRecord(action, model_name, version, None, "pipeline", datetime.now(UTC), "first", evidence, "run 0")


@pytest.fixture
def fetch(raw, store, inference):
    """``fetch(api, within_30_days="diabetes_classifier_30d")``: the numbers of the batches that the run takes."""

    def run(api: FakeDataApi, **more: str) -> list[int]:
        models = {"any": "diabetes_classifier"} | more
        taken = fetch_data_from_api(
            RUN, data_api=api, raw=raw, store=store, inference=inference, registered_models=models
        )
        return [ref["batch_number"] for ref in taken]

    return run


def test_every_published_batch_that_is_not_stored_is_taken_oldest_first(fetch, ledger):
    ledger(stored(1), stored(2))
    api = FakeDataApi(published=5)

    taken = fetch(api)

    assert taken == [3, 4, 5]
    assert api.fetched == [3, 4, 5]


def test_a_run_without_new_batches_has_nothing_to_do_and_says_when_the_next_one_comes(fetch, ledger):
    ledger(stored(1))

    with pytest.raises(NothingToDo, match=r"1 of 7 batches .* 2026-11-23T12:00:00Z"):
        fetch(FakeDataApi(published=1))


def test_a_run_after_the_last_batch_says_that_no_more_will_come(fetch, ledger):
    ledger(stored(1))

    with pytest.raises(NothingToDo, match="no more will come"):
        fetch(FakeDataApi(published=1, total=1))


def test_a_new_horizon_takes_the_newest_batch_again(fetch, ledger):
    ledger(stored(1), stored(2))

    assert fetch(FakeDataApi(published=2), within_30_days="diabetes_classifier_30d") == [2]


def test_a_horizon_that_was_rejected_is_not_new(fetch, ledger, inference):
    ledger(stored(1), stored(2))
    inference.record_promotion(decision("diabetes_classifier_30d", "reject"))

    with pytest.raises(NothingToDo):
        fetch(FakeDataApi(published=2), within_30_days="diabetes_classifier_30d")


def test_a_horizon_is_new_when_an_earlier_release_predicted_another_one_with_its_model(raw, store, ledger, inference):
    ledger(stored(1), stored(2))
    inference.record_promotion(decision("hospital", target="within_30_days"))
    models = {"any": "hospital"}
    collaborators = {"raw": raw, "store": store, "inference": inference, "registered_models": models}

    (taken,) = fetch_data_from_api(RUN, data_api=FakeDataApi(published=2), **collaborators)

    assert taken["batch_number"] == 2


def test_a_horizon_that_an_earlier_release_decided_on_is_not_new(raw, store, ledger, inference):
    ledger(stored(1), stored(2))
    inference.record_promotion(decision("hospital", target="any"))
    models = {"any": "hospital"}
    collaborators = {"raw": raw, "store": store, "inference": inference, "registered_models": models}

    with pytest.raises(NothingToDo):
        fetch_data_from_api(RUN, data_api=FakeDataApi(published=2), **collaborators)


def test_a_batch_that_was_stored_but_never_finished_is_taken_again(fetch, ledger):
    ledger(stored(1), run=None)
    ledger(stored(2))

    assert fetch(FakeDataApi(published=2)) == [1]


def test_a_cleared_run_takes_the_batches_that_it_finished_before(fetch, ledger):
    ledger(stored(1))
    ledger(stored(2), stored(3), run=RUN)

    assert fetch(FakeDataApi(published=3)) == [2, 3]


def test_a_stored_batch_that_the_restarted_source_no_longer_publishes_is_still_finished(fetch, ledger, store):
    ledger(stored(1))
    ledger(stored(2), run=None)
    store.put("landing", stored(2).key, b"landed before")

    assert fetch(FakeDataApi(published=1)) == [2]


def test_a_landed_batch_is_not_fetched_again(fetch):
    api = FakeDataApi(published=2)
    fetch(api)
    api.fetched.clear()

    taken = fetch(api)

    assert taken == [1, 2]
    assert api.fetched == []


def test_batches_landed_before_the_source_went_down_stay_landed(fetch, store: MemoryStore):
    api = FakeDataApi(published=3)
    api.down_at = 3

    with pytest.raises(SourceUnavailable):
        fetch(api)

    assert len(store.objects) == 2


def test_synthetic_and_real_rows_are_never_mixed(fetch, ledger):
    ledger(stored(1))

    with pytest.raises(SourceChanged, match="hands out uci data, but synthetic data is stored"):
        fetch(FakeDataApi(published=1, source="uci"))


def test_a_batch_that_changed_its_content_is_refused(fetch, ledger):
    ledger(stored(1, sha256="f" * 64))

    with pytest.raises(SourceChanged, match="batch 1"):
        fetch(FakeDataApi(published=2))
