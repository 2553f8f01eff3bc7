"""Closing a run, with fakes of the ledger and the inference API."""

from types import SimpleNamespace

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


class FakeRegistry:
    def __init__(self, version: str | None) -> None:
        self._version = version

    def production(self) -> SimpleNamespace | None:
        return SimpleNamespace(version=self._version) if self._version else None


PROMOTION = PromotionRef(promoted=True, reason="better", version="4", production_version="4")


def signal(api: FakeInferenceApi | None, *, production: str | None, raw: FakeLedger | None = None) -> None:
    signal_services_ready(
        PROMOTION, BATCHES, "run", raw=raw or FakeLedger(), registry=FakeRegistry(production), inference_api=api
    )


def test_the_batches_of_the_run_are_marked_as_processed():
    ledger = FakeLedger()

    signal(None, production="4", raw=ledger)

    assert ledger.processed == {1: "run", 2: "run"}


def test_the_inference_api_is_brought_to_the_production_version():
    api = FakeInferenceApi(serves_after_reload="4")

    signal(api, production="4")

    assert api.version == "4"


def test_an_inference_api_on_another_version_fails_the_task_so_that_it_is_asked_again():
    api = FakeInferenceApi(serves_after_reload="3")

    with pytest.raises(ModelNotLoaded, match="serves version 3, not 4"):
        signal(api, production="4")


def test_a_task_that_is_cleared_after_a_later_promotion_asks_for_the_version_of_that():
    api = FakeInferenceApi(serves_after_reload="5")

    signal(api, production="5")

    assert api.version == "5"


def test_without_a_model_in_production_there_is_nothing_to_load():
    api = FakeInferenceApi(serves_after_reload="4")

    signal(api, production=None)

    assert api.version == "none yet"
