"""Closing a run, with doubles of the registry and the inference API, and a real ledger."""

import pytest

from doubles.inference_api import FakeInferenceApi
from doubles.registry import FakeRegistry
from doubles.run_note import FakeRunNote
from readmission.adapters.database import StoredBatch
from readmission.errors import InvalidModel, ModelNotLoaded
from readmission.pipeline.references import BatchRef, PromotionRef
from readmission.pipeline.signal_services_ready import signal_services_ready

BATCHES = [BatchRef(batch_number=n, sha256=f"{n:064d}", rows=10, key="k", source="synthetic") for n in (1, 2)]


def promotion(horizon, *, promoted=True):
    return PromotionRef(
        horizon=horizon,
        run_batch_numbers=[1, 2],
        promoted=promoted,
        reason="better" if promoted else "worse",
        version="1",
        production_version="1",
    )


BOTH = [promotion("any"), promotion("within_30_days")]


@pytest.fixture
def registries():
    """With version 1 of each horizon in production."""
    found = {"any": FakeRegistry(), "within_30_days": FakeRegistry("diabetes_classifier_30d")}
    for registry in found.values():
        registry.publish(b"one")
    return found


@pytest.fixture
def run_note():
    return FakeRunNote()


@pytest.fixture
def signal(raw, raw_frame, registries, run_note):
    """``signal(api, promotions)`` closes a run whose two batches are stored."""
    for ref in BATCHES:
        number = ref["batch_number"]
        rows = raw_frame.iloc[10 * number : 10 * number + 10]
        raw.store_batch(StoredBatch(number, ref["sha256"], 10, "synthetic", "k"), rows)

    def close(api, promotions=BOTH):
        signal_services_ready(promotions, "run", raw=raw, registries=registries, inference_api=api, run_note=run_note)

    return close


def versions(api):
    """The version of each horizon that the inference API serves."""
    return {horizon: model["version"] for horizon, model in api.models().items()}


def test_the_batches_of_the_run_are_marked_as_processed(signal, raw):
    signal(None)

    assert [(batch.batch_number, batch.pipeline_run_id) for batch in raw.batches()] == [(1, "run"), (2, "run")]


def test_a_batch_that_an_earlier_run_has_finished_keeps_that_run(signal, raw):
    raw.mark_processed([1], "earlier")

    signal(None)

    assert [(batch.batch_number, batch.pipeline_run_id) for batch in raw.batches()] == [(1, "earlier"), (2, "run")]


def test_the_note_of_the_run_becomes_the_decision_on_each_horizon(signal, run_note):
    run_note.add({"register_best_model any": "InvalidModel: before the run was cleared"})

    signal(None, [promotion("any"), promotion("within_30_days", promoted=False)])

    assert run_note.lines == {"any": "version 1 promoted: better", "within_30_days": "version 1 not promoted: worse"}


def test_the_inference_api_is_brought_to_the_production_version_of_each_horizon(signal):
    api = FakeInferenceApi({"version": "none yet"}, production="1")

    signal(api)

    assert versions(api) == {"any": "1", "within_30_days": "1"}


def test_an_inference_api_on_another_version_fails_the_task_so_that_it_is_asked_again(signal):
    api = FakeInferenceApi(production="3")

    with pytest.raises(ModelNotLoaded, match="serves version 3 for any, not 1"):
        signal(api)


def test_a_horizon_that_is_not_loaded_does_not_hold_up_the_other_one(signal, registries):
    registries["any"].publish(b"two")
    api = FakeInferenceApi(production="1")

    with pytest.raises(ModelNotLoaded, match="for any, not 2"):
        signal(api)

    assert api.reloaded == ["any", "within_30_days"]


def test_a_task_that_is_cleared_after_a_later_promotion_asks_for_the_version_of_that(signal, registries):
    for registry in registries.values():
        registry.publish(b"two")
    api = FakeInferenceApi(production="2")

    signal(api)

    assert versions(api) == {"any": "2", "within_30_days": "2"}


def test_without_a_model_in_production_there_is_nothing_to_load(signal, registries):
    registries["any"].withdraw()
    api = FakeInferenceApi({"version": "none yet"}, production="1")

    signal(api)

    assert versions(api) == {"any": "none yet", "within_30_days": "1"}


def test_a_run_without_a_decision_on_one_horizon_serves_the_other_one_and_fails(signal, raw):
    api = FakeInferenceApi(production="1")

    with pytest.raises(InvalidModel, match="no decision on within_30_days"):
        signal(api, [promotion("any")])

    assert api.reloaded == ["any"]
    assert [batch.pipeline_run_id for batch in raw.batches()] == [None, None]


def test_the_note_of_a_run_without_a_decision_on_one_horizon_keeps_the_reason(signal, run_note):
    failed = {"register_best_model within_30_days": "InvalidModel: not trained"}
    run_note.add(failed)

    with pytest.raises(InvalidModel):
        signal(None, [promotion("any")])

    assert run_note.lines == failed | {"any": "version 1 promoted: better"}
