import json
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.errors import InvalidModel, ModelNotLoaded, NotFound
from readmission.prediction.predict import Predictor
from readmission.serving.encounter import EXAMPLE, parse_encounter
from readmission.serving.live_model import LiveModel, ModelSlots, check_horizon, smoke_test

SWAPS = 300


def live_model(data: bytes) -> LiveModel:
    now = datetime.now(UTC)
    return LiveModel(ModelVersion("m", "1", "r", "d", now, {}), OnnxModel.from_bytes(data), now)


@pytest.fixture
def live(model_file) -> LiveModel:
    return live_model(model_file())


@pytest.fixture
def live_30d(model_file) -> LiveModel:
    return live_model(model_file(horizon="within_30_days"))


@pytest.fixture
def slots() -> ModelSlots:
    return ModelSlots(["within_30_days", "any"])


def test_without_the_primary_horizons_model_no_model_is_loaded(slots, live):
    slots.slot("any").live = live

    with pytest.raises(ModelNotLoaded, match="within_30_days"):
        slots.current()


def test_a_secondary_horizon_without_a_model_is_left_out(slots, live_30d):
    slots.slot("within_30_days").live = live_30d

    assert slots.current() == (live_30d,)


def test_the_primary_horizon_comes_first(slots, live, live_30d):
    slots.slot("any").live, slots.slot("within_30_days").live = live, live_30d

    assert slots.current() == (live_30d, live)
    assert slots.slot() is slots.slot("within_30_days")


def test_a_request_keeps_its_models_when_one_is_replaced(slots, live, live_30d):
    slots.slot("any").live, slots.slot("within_30_days").live = live, live_30d
    taken = slots.current()

    slots.slot("any").live = replace(live, loaded_at=datetime.now(UTC))

    assert taken[1] is live


def test_an_answer_never_mixes_two_versions_of_a_horizon_while_one_is_swapped(slots, live_30d, model_file):
    def version(number: str, bias: float) -> LiveModel:
        made = live_model(model_file(bias))
        return replace(made, version=replace(made.version, version=number))

    versions = [version("1", 0.0), version("2", 1.0)]
    slots.slot("within_30_days").live, slots.slot("any").live = live_30d, versions[0]
    predictor, body = Predictor(parse_encounter, logs=False), json.dumps(EXAMPLE).encode()
    done = threading.Event()
    told = set()

    def ask() -> None:
        while not done.is_set():
            risk = json.loads(predictor.answer(body, slots.current()).body)["risks"][1]
            told.add((risk["model_version"], risk["probability"]))

    caller = threading.Thread(target=ask)
    caller.start()
    for swap in range(SWAPS):
        slots.slot("any").live = versions[swap % 2]
        done.wait(0.001)
    done.set()
    caller.join()

    probability = dict(told)
    assert len(told) == len(probability) == len(set(probability.values())) == 2


def test_a_horizon_that_the_server_does_not_predict_is_not_found():
    with pytest.raises(NotFound, match="does not predict within_30_days, only: any"):
        ModelSlots(["any"]).slot("within_30_days")


def test_a_model_of_another_horizon_is_refused(live_30d):
    check_horizon(live_30d.model, "within_30_days")

    with pytest.raises(InvalidModel, match="it predicts within_30_days, not any"):
        check_horizon(live_30d.model, "any")


def test_a_good_model_passes_the_smoke_test(model_file):
    smoke_test(OnnxModel.from_bytes(model_file()))


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 2.0, -1.0])
def test_a_model_that_gives_no_probabilities_fails_the_smoke_test(model_file, scale):
    with pytest.raises(InvalidModel):
        smoke_test(OnnxModel.from_bytes(model_file(scale=scale)))
