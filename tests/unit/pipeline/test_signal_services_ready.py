"""Closing a run, with doubles of the registry and the inference API, and a real ledger."""

import pytest

from doubles.inference_api import FakeInferenceApi
from doubles.registry import FakeRegistry
from doubles.run_note import FakeRunNote
from readmission.adapters.database import StoredBatch
from readmission.errors import ModelNotLoaded
from readmission.pipeline.references import BatchRef, PromotionRef
from readmission.pipeline.signal_services_ready import signal_services_ready

BATCHES = [BatchRef(batch_number=n, sha256=f"{n:064d}", rows=10, key="k", source="synthetic") for n in (1, 2)]
PROMOTION = PromotionRef(promoted=True, reason="better", version="1", production_version="1")


@pytest.fixture
def registry():
    """With version 1 in production."""
    found = FakeRegistry()
    found.publish(b"one")
    return found


@pytest.fixture
def run_note():
    return FakeRunNote()


@pytest.fixture
def signal(raw, raw_frame, registry, run_note):
    """``signal(api)`` closes a run whose two batches are stored."""
    for ref in BATCHES:
        number = ref["batch_number"]
        rows = raw_frame.iloc[10 * number : 10 * number + 10]
        raw.store_batch(StoredBatch(number, ref["sha256"], 10, "synthetic", "k"), rows)

    def close(api):
        signal_services_ready(
            PROMOTION, BATCHES, "run", raw=raw, registry=registry, inference_api=api, run_note=run_note
        )

    return close


def test_the_batches_of_the_run_are_marked_as_processed(signal, raw):
    signal(None)

    assert [(batch.batch_number, batch.pipeline_run_id) for batch in raw.batches()] == [(1, "run"), (2, "run")]


def test_the_note_of_the_run_has_the_gates_decision(signal, run_note):
    signal(None)

    assert run_note.texts == ["version 1 promoted: better"]


def test_the_inference_api_is_brought_to_the_production_version(signal):
    api = FakeInferenceApi({"version": "none yet"}, production="1")

    signal(api)

    assert api.model_info()["version"] == "1"


def test_an_inference_api_on_another_version_fails_the_task_so_that_it_is_asked_again(signal):
    api = FakeInferenceApi(production="3")

    with pytest.raises(ModelNotLoaded, match="serves version 3, not 1"):
        signal(api)


def test_a_task_that_is_cleared_after_a_later_promotion_asks_for_the_version_of_that(signal, registry):
    registry.publish(b"two")
    api = FakeInferenceApi(production="2")

    signal(api)

    assert api.model_info()["version"] == "2"


def test_without_a_model_in_production_there_is_nothing_to_load(signal, registry):
    registry.withdraw()
    api = FakeInferenceApi({"version": "none yet"}, production="1")

    signal(api)

    assert api.model_info()["version"] == "none yet"
