import json
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from readmission.domain.model_file import ModelFileMetadata
from readmission.prediction.answer import AnswerForm
from readmission.prediction.batch_answer import BatchForm, Scored, prediction_ids
from readmission.prediction.log.record import parse_record

PROBABILITIES = np.array([[0.1, 0.4, 0.5, 0.6, 0.99], [1e-7, 0.3999999, 0.45, 0.6000001, 1.0]], np.float32)
FACTS = ("threshold", "calibrated", "data_source", "model_name", "model_version")


def models(count: int = 2) -> list[tuple[SimpleNamespace, ModelFileMetadata]]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = [
        ModelFileMetadata(horizon, 0.5, 0.4, 0.6, "synthetic", "lightgbm", True, "0" * 64, now)
        for horizon in ("any", "within_30_days")
    ]
    return [(SimpleNamespace(name=one.target, version="7"), one) for one in made][:count]


@pytest.mark.parametrize("count", [1, 2])
def test_each_row_and_its_event_are_those_of_the_single_route(count):
    probabilities, features = PROBABILITIES[:count], [f'"time_in_hospital":{day}' for day in range(1, 6)]

    answer, events = BatchForm(models(count)).render(5, Scored(range(5), probabilities, features), {})

    predictions = json.loads(answer)["predictions"]
    for row, (found, event) in enumerate(zip(predictions, events, strict=True)):
        alone, event_alone = AnswerForm(models(count)).render(
            probabilities[:, row].tolist(), b"{%b}" % features[row].encode()
        )
        expected = json.loads(alone)
        risks = [{key: value for key, value in risk.items() if key not in FACTS} for risk in expected["risks"]]
        changed = {"index": row, "prediction_id": found["prediction_id"], "risks": risks}
        assert found == {key: value for key, value in expected.items() if key not in FACTS} | changed
        in_log = json.loads(event_alone) | {"prediction_id": found["prediction_id"], "source": "predict_batch"}
        assert json.loads(event) | {"created_at": None} == in_log | {"created_at": None}
        assert parse_record(event).created_at.tzinfo is not None


def test_events_for_an_answer_of_another_form_have_its_ids_and_its_source():
    scored = Scored(range(2), PROBABILITIES[:1, :2], ['"time_in_hospital":1', '"time_in_hospital":2'])

    records = [parse_record(event) for event in BatchForm(models(1)).events(["a", "b"], scored, "oip_grpc")]

    assert [(record.prediction_id, record.source) for record in records] == [("a", "oip_grpc"), ("b", "oip_grpc")]
    assert [record.features for record in records] == [{"time_in_hospital": 1}, {"time_in_hospital": 2}]


def test_refused_rows_stand_among_the_others():
    answer, events = BatchForm(models()).render(3, Scored([0, 2], PROBABILITIES[:, :2], None), {1: [{"field": "age"}]})

    found = json.loads(answer)
    assert (found["rows"], found["predicted"], found["refused"]) == (3, 2, 1)
    assert [row["index"] for row in found["predictions"]] == [0, 1, 2]
    assert found["predictions"][1]["errors"] == [{"field": "age"}]
    assert events == []


def test_a_batch_without_a_valid_row_is_answered():
    answer, _ = BatchForm(models()).render(1, Scored([], np.empty((2, 0), np.float32), None), {0: []})

    assert json.loads(answer)["predictions"] == [{"index": 0, "errors": []}]


def test_ids_are_different_uuids_of_version_7_with_the_time():
    found = [uuid.UUID(name) for name in prediction_ids(1000, 0x0123456789AB)]

    assert len(set(found)) == 1000
    assert {(name.version, name.variant) for name in found} == {(7, uuid.RFC_4122)}
    assert {name.int >> 80 for name in found} == {0x0123456789AB}
