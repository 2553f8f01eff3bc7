from datetime import UTC, datetime

import numpy as np
import onnx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from readmission.adapters.onnx_model import OnnxModel
from readmission.domain.background import to_text
from readmission.domain.encoding import encode
from readmission.domain.example import EXAMPLE
from readmission.domain.feature_groups import FEATURE_GROUPS
from readmission.domain.schema import FEATURE_NAMES
from readmission.prediction.place import Place
from readmission.serving.answering import Answering
from readmission.serving.auth import ApiKeys
from readmission.serving.encounter import parse_encounter
from readmission.serving.errors import add_error_handlers
from readmission.serving.explain import explain_router
from readmission.serving.live_model import LiveModel, ModelSlots
from readmission.serving.metrics import Metrics
from readmission.serving.predict import Predicting
from readmission.serving.tally import Tally

# the log-odds of the model of these tests are half the number of stays
STAYS = (0, 0, 1, 3)
BACKGROUND = encode([EXAMPLE | {"number_inpatient": stays, "diag_1": "250.02", "race": None} for stays in STAYS])
PATIENT = EXAMPLE | {"number_inpatient": 4, "medical_specialty": None}


@pytest.fixture
def explainable(model_file):
    model = onnx.load_from_string(model_file())
    model.metadata_props.add(key="background", value=to_text(BACKGROUND))
    return model.SerializeToString()


@pytest.fixture
def client(start, registry, explainable):
    registry.publish(explainable)
    return start()


def without_id(answer):
    return {name: value for name, value in answer.items() if name not in ("prediction_id", "explanation")}


@pytest.fixture
def explainable_30d(model_file):
    model = onnx.load_from_string(model_file(-2.0, horizon="within_30_days"))
    model.metadata_props.add(key="background", value=to_text(BACKGROUND[:2]))
    return model.SerializeToString()


def test_the_answer_is_that_of_predict_with_an_explanation(client):
    predicted = client.post("/predict", json=PATIENT).json()

    explained = client.post("/explain", json=PATIENT)

    assert explained.status_code == 200
    assert without_id(explained.json()) == without_id(predicted)
    assert set(explained.json()) == {*predicted, "explanation"}


def test_each_group_has_its_contribution_with_value_and_reference(client):
    explanation = client.post("/explain", json=PATIENT).json()["explanation"]

    largest = explanation["groups"][0]
    assert largest == {
        "group": "inpatient_stays",
        "log_odds": pytest.approx(0.5 * (4 - np.mean(STAYS)), abs=1e-5),
        "probability": pytest.approx(explanation["probability"] - explanation["base"]["probability"], abs=1e-6),
        "features": [{"feature": "number_inpatient", "value": 4, "reference": 0}],
    }
    assert {group["group"] for group in explanation["groups"]} == set(FEATURE_GROUPS)
    assert (explanation["horizon"], explanation["background_rows"]) == ("any", 4)
    assert "features" not in explanation


def test_values_are_those_that_the_model_sees(client):
    groups = client.post("/explain", json=PATIENT).json()["explanation"]["groups"]

    shown = {each.pop("feature"): each for group in groups for each in group["features"]}
    assert set(shown) == set(FEATURE_NAMES)
    assert shown["diag_1"] == {"value": "circulatory", "reference": "diabetes"}
    assert shown["race"] == {"value": "Caucasian", "reference": None}
    assert shown["medical_specialty"] == {"value": None, "reference": "InternalMedicine"}
    assert shown["glipizide"] == {"value": "No", "reference": "No"}
    assert shown["diabetesMed"] == {"value": "Yes", "reference": "Yes"}


def test_contributions_add_up_in_log_odds_and_in_probability(client):
    explanation = client.post("/explain?detail=features", json=PATIENT).json()["explanation"]

    for listed in (explanation["groups"], explanation["features"]):
        for scale in ("log_odds", "probability"):
            total = explanation["base"][scale] + sum(each[scale] for each in listed)
            assert total == pytest.approx(explanation[scale], abs=1e-6)


def test_on_request_each_feature_is_explained(client):
    explanation = client.post("/explain?detail=features&horizon=any", json=PATIENT).json()["explanation"]

    largest = explanation["features"][0]
    assert {each["feature"] for each in explanation["features"]} == set(FEATURE_NAMES)
    assert (largest["feature"], largest["value"], largest["reference"]) == ("number_inpatient", 4, 0)
    assert largest["log_odds"] == pytest.approx(1.5, abs=1e-5)


def test_the_answer_says_that_it_shows_no_causes(client):
    assert "not causes" in client.post("/explain", json=PATIENT).json()["explanation"]["note"]


def test_the_same_encounter_gets_the_same_explanation(client):
    first, second = (client.post("/explain", json=PATIENT).json()["explanation"] for _ in range(2))

    assert first == second


def test_an_explanation_is_logged_and_counted_once_as_a_prediction(start, registry, explainable, database, logged):
    registry.publish(explainable)
    client = start(database=database)

    answer = client.post("/explain?detail=features", json=PATIENT).json()

    (row,) = logged()
    assert (row["prediction_id"], row["source"]) == (answer["prediction_id"], "explain")
    assert row["features"] == {name: value for name, value in PATIENT.items() if value is not None}
    counted = 'readmission_predictions_total{horizon="any",model_version="2",risk_band="high"} 1.0'
    assert counted in client.get("/metrics").text


def test_a_version_without_a_background_is_a_conflict_that_says_what_helps(start):
    client = start()

    answer = client.post("/explain", json=PATIENT)

    assert answer.status_code == 409
    assert "a version that is trained now can be explained" in answer.json()["detail"]
    assert client.post("/predict", json=PATIENT).status_code == 200


def test_the_other_horizon_is_explained_by_its_own_model(start, registry, registry_30d, explainable, explainable_30d):
    registry.publish(explainable)
    registry_30d.publish(explainable_30d)
    client = start()

    answer = client.post("/explain?horizon=within_30_days", json=PATIENT).json()

    explanation = answer["explanation"]
    (risk,) = (risk for risk in answer["risks"] if risk["horizon"] == "within_30_days")
    assert (explanation["horizon"], explanation["background_rows"]) == ("within_30_days", 2)
    assert explanation["probability"] == risk["probability"] != answer["probability"]


def test_a_horizon_that_the_server_does_not_have_is_404(start, registry, explainable):
    registry.publish(explainable)

    assert start(horizons="any").post("/explain?horizon=within_30_days", json=PATIENT).status_code == 404


def test_a_horizon_without_a_model_is_503(start, registry, registry_30d, explainable):
    registry.publish(explainable)
    registry_30d.withdraw()

    assert start().post("/explain?horizon=within_30_days", json=PATIENT).status_code == 503


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("horizon=tomorrow", 400),
        ("horizon=any&horizon=any", 400),
        ("detail=everything", 400),
        ("detail=", 400),
        ("details=features", 400),
    ],
)
def test_another_parameter_or_horizon_is_refused(client, query, status):
    answer = client.post(f"/explain?{query}", json=PATIENT)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        ({"json": PATIENT | {"time_in_hospital": 99}}, 422),
        ({"content": b'{"age":'}, 400),
        ({"content": b"age\n70", "headers": {"Content-Type": "text/csv"}}, 415),
        ({"content": b" " * 100_001}, 413),
    ],
    ids=["value", "json", "media type", "size"],
)
def test_a_body_is_refused_as_by_predict(client, request_of, status):
    explained, predicted = (client.post(path, **request_of) for path in ("/explain", "/predict"))

    assert explained.status_code == status
    assert explained.content == predicted.content


def test_with_keys_only_who_has_one_gets_an_explanation(start, registry, explainable):
    registry.publish(explainable)
    client = start(api_keys="one")

    codes = [client.post("/explain", json=PATIENT, headers={"X-API-Key": key}).status_code for key in ("one", "two")]

    assert codes == [200, 401]


def test_while_another_is_made_an_explanation_is_refused_with_a_hint_when_to_come_back(registry, explainable):
    slots, place, app = ModelSlots(["any"]), Place(1, "explanations"), FastAPI()
    slots.slot().live = LiveModel(registry.publish(explainable), OnnxModel.from_bytes(explainable), datetime.now(UTC))
    metrics = Metrics()
    answering = Answering(parse_encounter, slots.current, Tally(metrics, "/predict"))
    app.include_router(explain_router(Predicting(slots, ApiKeys(None), metrics, answering, None, 10_000, 10), place))
    add_error_handlers(app)
    client = TestClient(app)

    with place:
        refused = client.post("/explain", json=PATIENT)
    answered = client.post("/explain", json=PATIENT)

    assert (refused.status_code, answered.status_code) == (503, 200)
    assert refused.headers["retry-after"]
