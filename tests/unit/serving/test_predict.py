import hmac
import json
import time
import uuid
from collections.abc import Callable

import pytest

from readmission.prediction.answer import prediction_id
from readmission.serving.encounter import EXAMPLE

PRIMARY = {
    "probability": pytest.approx(0.62246, abs=1e-5),
    "prediction": 1,
    "risk_band": "high",
    "threshold": 0.5,
    "calibrated": True,
    "data_source": "synthetic",
    "model_name": "diabetes_classifier",
    "model_version": "1",
}
SECONDARY = PRIMARY | {
    "probability": pytest.approx(0.37754, abs=1e-5),
    "prediction": 0,
    "risk_band": "low",
    "model_name": "diabetes_classifier_30d",
}
RISKS = [{"horizon": "any"} | PRIMARY, {"horizon": "within_30_days"} | SECONDARY]


def test_an_encounter_gets_the_primary_risk_and_the_risk_of_each_horizon(client):
    answer = client.post("/predict", json=EXAMPLE)

    assert answer.status_code == 200
    assert uuid.UUID(answer.json()["prediction_id"])
    assert answer.json() == {"prediction_id": answer.json()["prediction_id"], **PRIMARY, "risks": RISKS}


def test_the_first_configured_horizon_is_the_primary(start):
    answer = start(horizons="within_30_days,any").post("/predict", json=EXAMPLE).json()

    assert answer == {"prediction_id": answer["prediction_id"], **SECONDARY, "risks": RISKS[::-1]}


def test_a_server_of_one_horizon_gives_its_risk_only(start):
    assert start(horizons="any").post("/predict", json=EXAMPLE).json()["risks"] == RISKS[:1]


def test_a_secondary_horizon_without_a_model_is_left_out(start, registry_30d):
    registry_30d.withdraw()

    answer = start().post("/predict", json=EXAMPLE)

    assert answer.status_code == 200
    assert answer.json()["risks"] == RISKS[:1]


def test_an_untrusted_secondary_version_does_not_stop_the_primary(start, registry_30d, model_file):
    hostile = registry_30d.register("a stranger's run", model_file(9.0, horizon="within_30_days"), {})
    registry_30d.promote(hostile)

    assert start().post("/predict", json=EXAMPLE).json()["risks"] == RISKS[:1]


def test_a_restart_without_the_registry_serves_each_horizon_from_its_own_cache(start, registry, registry_30d):
    start().post("/predict", json=EXAMPLE)
    registry.down = registry_30d.down = True

    client = start()

    assert client.post("/predict", json=EXAMPLE).json()["risks"] == RISKS
    stale = [client.get(f"/model-info?horizon={risk['horizon']}").json()["stale"] for risk in RISKS]
    assert stale == [True, True]


def test_a_prediction_is_logged_with_the_known_values(start, database, logged):
    client = start(database=database)

    answer = client.post("/predict", json=EXAMPLE | {"race": None}).json()

    (row,) = logged()
    assert (row["prediction_id"], row["probability"]) == (answer["prediction_id"], answer["probability"])
    assert row["risks"] == answer["risks"]
    assert row["source"] == "predict"
    assert row["features"] == {name: value for name, value in EXAMPLE.items() if name != "race"}


def test_a_log_that_is_full_takes_no_answer_away_and_counts_the_loss(start, database, logged):
    client = start(database=database, prediction_log_total_bytes=10)

    assert client.post("/predict", json=EXAMPLE).status_code == 200
    assert "readmission_prediction_log_lost_total 1.0" in client.get("/metrics").text
    assert logged() == []


def test_the_metrics_say_what_waits_for_the_database(start, database):
    client = start(database=database)

    client.post("/predict", json=EXAMPLE)

    shown = client.get("/metrics").text
    assert "readmission_prediction_log_records 1.0" in shown
    assert "readmission_prediction_log_shipped_total 0.0" in shown


@pytest.mark.parametrize("encounter", [EXAMPLE, EXAMPLE | {"glyburide-metformin": "Steady"}], ids=["fast", "framework"])
def test_a_patient_is_logged_by_the_hash_of_the_callers_reference(start, database, logged, encounter):
    client = start(database=database, patient_reference_key="secret")

    answer = client.post("/predict", json=encounter, headers={"X-Patient-Reference": "MRN 17"})

    (row,) = logged()
    assert row["patient_reference"] == hmac.new(b"secret", b"MRN 17", "sha256").hexdigest()
    assert row["patient_reference"] not in answer.text
    assert "MRN 17" not in answer.text + str(row)


def test_without_a_key_a_reference_is_refused(start, database, logged):
    answer = start(database=database).post("/predict", json=EXAMPLE, headers={"X-Patient-Reference": "MRN 17"})

    assert answer.status_code == 503
    assert "PATIENT_REFERENCE_KEY" in answer.json()["detail"]
    assert logged() == []


@pytest.mark.parametrize("references", [[""], ["x" * 257], ["one", "two"]], ids=["empty", "long", "two"])
def test_a_reference_that_is_none_is_refused(start, references):
    client = start(patient_reference_key="secret")

    answer = client.post("/predict", json=EXAMPLE, headers=[("X-Patient-Reference", text) for text in references])

    assert answer.status_code == 422


def test_without_the_primary_model_the_answer_is_503_with_a_hint_when_to_come_back(start, registry):
    registry.withdraw()
    answer = start(ready=False).post("/predict", json=EXAMPLE)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_refused_encounter_names_its_fields(client):
    answer = client.post("/predict", json=EXAMPLE | {"time_in_hospital": 99})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "field": "time_in_hospital",
            "message": "must be a whole number from 1 to 14",
            "allowed": {"type": "integer", "minimum": 1, "maximum": 14},
        }
    ]


def test_broken_json_is_400(client):
    assert client.post("/predict", content=b'{"age":').status_code == 400


@pytest.mark.parametrize("media_type", ["text/csv", "application/x-www-form-urlencoded", "text/plain", "\xff"])
def test_another_content_type_is_415(client, media_type):
    headers = {"Content-Type": media_type.encode("latin-1")}

    assert client.post("/predict", content=json.dumps(EXAMPLE), headers=headers).status_code == 415


@pytest.mark.parametrize(
    "media_type", ["application/json", "APPLICATION/JSON; charset=UTF-8", "application/json;charset=utf8", None]
)
def test_json_is_taken_however_it_is_spelled(client, media_type):
    headers = {"Content-Type": media_type} if media_type else {}

    assert client.post("/predict", content=json.dumps(EXAMPLE), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Content-Encoding": "gzip"}, {"Content-Type": "application/json; charset=latin-1"}],
    ids=str,
)
def test_an_encoded_body_is_415(client, headers):
    assert client.post("/predict", content=json.dumps(EXAMPLE), headers=headers).status_code == 415


def test_a_body_that_says_it_is_too_large_is_413(start):
    client = start(max_body_bytes=100)

    assert client.post("/predict", json=EXAMPLE).status_code == 413


def test_a_body_in_chunks_that_proves_too_large_is_413(start):
    client = start(max_body_bytes=100)

    answer = client.post("/predict", content=(b"x" * 30 for _ in range(10)))

    assert answer.status_code == 413


def test_a_body_in_chunks_is_put_together(client):
    body = json.dumps(EXAMPLE).encode()

    answer = client.post("/predict", content=(body[start : start + 50] for start in range(0, len(body), 50)))

    assert answer.status_code == 200


def test_with_keys_only_who_has_one_may_predict(start: Callable[..., object]):
    client = start(api_keys="one,two")

    codes = [client.post("/predict", json=EXAMPLE, headers={"X-API-Key": key}).status_code for key in ("two", "three")]

    assert codes == [200, 401]
    assert client.post("/predict", json=EXAMPLE).status_code == 401


def test_prediction_ids_are_uuids_of_version_7_in_the_order_of_their_making():
    ids = [prediction_id(time.time_ns()) for _ in range(1000)]

    assert {uuid.UUID(found).version for found in ids} == {7}
    assert {uuid.UUID(found).variant for found in ids} == {uuid.RFC_4122}
    assert len(set(ids)) == 1000
    assert [found[:13] for found in ids] == sorted(found[:13] for found in ids)
