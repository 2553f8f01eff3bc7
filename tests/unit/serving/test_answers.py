import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.domain.encoding import encode
from readmission.domain.example import EXAMPLE
from readmission.serving.answers import complete, record, score
from readmission.serving.live_model import LiveModel, ModelSlots

MATRIX = encode([EXAMPLE, EXAMPLE | {"number_inpatient": 0}])
SWAPS = 300


@pytest.fixture
def make(model_file) -> Callable[..., LiveModel]:
    """``make("any", "2", bias=1.0)``: a live model."""

    def making(horizon: str, version: str, bias: float = 0.0) -> LiveModel:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        model = OnnxModel.from_bytes(model_file(bias, horizon=horizon))
        return LiveModel(ModelVersion(f"m_{horizon}", version, "r", "d", now, {}), model, now)

    return making


def test_each_row_has_the_primary_risk_and_every_risk(make):
    models = (make("within_30_days", "1", -2.0), make("any", "4"))

    first, second = score(models, MATRIX)

    assert [risk["horizon"] for risk in first["risks"]] == ["within_30_days", "any"]
    assert first["probability"] == first["risks"][0]["probability"]
    assert [risk["probability"] for risk in second["risks"]] == pytest.approx([0.1192, 0.5], abs=1e-4)
    assert first["prediction_id"] != second["prediction_id"]


def test_no_row_has_no_score(make):
    assert score((make("any", "1"),), MATRIX[:0]) == []


def test_a_complete_answer_names_the_model_of_each_risk(make):
    models = (make("any", "4"), make("within_30_days", "1"))

    answer = complete(models, score(models, MATRIX)[0])

    assert (answer["model_name"], answer["model_version"]) == ("m_any", "4")
    assert [(risk["model_name"], risk["model_version"]) for risk in answer["risks"]] == [
        ("m_any", "4"),
        ("m_within_30_days", "1"),
    ]


def test_what_is_logged_is_what_was_answered(make):
    models = (make("any", "4"), make("within_30_days", "1"))
    answer = complete(models, score(models, MATRIX)[0])

    logged = record(answer, {"age": "[70-80)", "race": None}, "predict")

    shared = set(answer) & set(vars(logged))
    assert {name: getattr(logged, name) for name in shared} == {name: answer[name] for name in shared}
    assert "risks" in shared
    assert logged.features == {"age": "[70-80)"}


def test_an_answer_never_mixes_two_versions_of_a_horizon_while_one_is_swapped(make):
    slots = ModelSlots(["any", "within_30_days"])
    slots.slot("any").live = make("any", "1")
    versions = [make("within_30_days", "1"), make("within_30_days", "2", 1.0)]
    slots.slot("within_30_days").live = versions[0]
    done, answers = threading.Event(), list[dict[str, Any]]()

    def ask() -> None:
        while not done.is_set():
            models = slots.current()
            answers.extend(complete(models, scored) for scored in score(models, MATRIX))

    callers = [threading.Thread(target=ask) for _ in range(3)]
    for caller in callers:
        caller.start()
    for swap in range(SWAPS):
        slots.slot("within_30_days").live = versions[swap % 2]
        done.wait(0.001)
    done.set()
    for caller in callers:
        caller.join()

    expected = {
        live.version.version: {risk["probability"] for risk in live.risks(MATRIX)} for live in versions
    }  # the two share no probability
    told = [answer["risks"][1] for answer in answers]
    assert {risk["model_version"] for risk in told} == {"1", "2"}
    assert all(risk["probability"] in expected[risk["model_version"]] for risk in told)
    assert len(np.unique([answer["probability"] for answer in answers])) == len(MATRIX)
