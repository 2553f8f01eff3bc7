"""Closing a run, with fakes of the ledger and the inference API."""

import pytest

from readmission.errors import ModelNotLoaded
from readmission.pipeline.references import BatchRef, PromotionRef
from readmission.pipeline.signal_services_ready import signal_services_ready

BATCHES = [BatchRef(batch_number=n, sha256="0" * 64, rows=10, key="k", source="synthetic") for n in (1, 2)]


class FakeLedger:
    def __init__(self) -> None:
        self.processed: dict[int, str] = {}

    def mark_processed(self, batch_numbers: list[int], pipeline_run_id: str) -> None:
        self.processed |= dict.fromkeys(batch_numbers, pipeline_run_id)


class FakeInferenceApi:
    def __init__(self, serves_after_reload: str) -> None:
        self.version = "none yet"
        self._next = serves_after_reload

    def reload_model(self) -> dict[str, str]:
        self.version = self._next
        return {"model_version": self.version}


def promotion(production_version: str | None) -> PromotionRef:
    return PromotionRef(promoted=True, reason="better", version="4", production_version=production_version)


def test_the_batches_of_the_run_are_marked_as_processed():
    ledger = FakeLedger()

    signal_services_ready(promotion("4"), BATCHES, "run", raw=ledger, inference_api=None)

    assert ledger.processed == {1: "run", 2: "run"}


def test_the_inference_api_is_brought_to_the_production_version():
    api = FakeInferenceApi(serves_after_reload="4")

    signal_services_ready(promotion("4"), BATCHES, "run", raw=FakeLedger(), inference_api=api)

    assert api.version == "4"


def test_an_inference_api_on_another_version_fails_the_task_so_that_it_is_asked_again():
    api = FakeInferenceApi(serves_after_reload="3")

    with pytest.raises(ModelNotLoaded, match="serves version 3, not 4"):
        signal_services_ready(promotion("4"), BATCHES, "run", raw=FakeLedger(), inference_api=api)


def test_without_a_model_in_production_there_is_nothing_to_load():
    api = FakeInferenceApi(serves_after_reload="4")

    signal_services_ready(promotion(None), BATCHES, "run", raw=FakeLedger(), inference_api=api)

    assert api.version == "none yet"
