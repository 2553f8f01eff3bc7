"""The Open Inference Protocol over HTTP, on small models."""

import json

import numpy as np
import pytest

from readmission.domain.schema import COLUMN, INTEGER_KINDS
from readmission.prediction.tensors import strings_to_bytes
from readmission.serving.encounter import EXAMPLE

MODELS = {"any": "diabetes_classifier", "within_30_days": "diabetes_classifier_30d"}
INFER = "/v2/models/diabetes_classifier/infer"
LENGTH = "Inference-Header-Content-Length"


def is_number(name):
    return COLUMN[name].kind in INTEGER_KINDS


def inputs_of(*rows):
    return [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": "INT64" if is_number(name) else "BYTES",
            "data": [row[name] for row in rows],
        }
        for name in rows[0]
    ]


def binary_body(*rows, **members):
    document = {"inputs": inputs_of(*rows), **members}
    parts = []
    for given in document["inputs"]:
        values = given.pop("data")
        parts.append(np.array(values, "<i8").tobytes() if given["datatype"] == "INT64" else strings_to_bytes(values))
        given["parameters"] = {"binary_data_size": len(parts[-1])}
    header = json.dumps(document).encode()
    return b"".join([header, *parts]), {LENGTH: str(len(header))}


def outputs_of(answer):
    return {output["name"]: output["data"] for output in answer.json()["outputs"]}


def with_input(name, /, **changes):
    inputs = inputs_of(EXAMPLE)
    next(given for given in inputs if given["name"] == name).update(changes)
    return {"inputs": inputs}


@pytest.mark.parametrize("horizon", MODELS)
def test_the_number_is_that_of_predict_for_each_horizon(client, horizon):
    expected = {risk["horizon"]: risk for risk in client.post("/predict", json=EXAMPLE).json()["risks"]}[horizon]

    as_json = client.post(f"/v2/models/{MODELS[horizon]}/infer", json={"inputs": inputs_of(EXAMPLE)})
    body, headers = binary_body(EXAMPLE)
    binary = client.post(f"/v2/models/{MODELS[horizon]}/versions/1/infer", content=body, headers=headers)

    for answer in (as_json, binary):
        assert outputs_of(answer)["probability"] == [expected["probability"]]
        assert outputs_of(answer)["prediction"] == [expected["prediction"]]


def test_the_answer_names_the_version_and_what_is_true_of_it(client, registry):
    answer = client.post(INFER, json={"id": "42", "inputs": inputs_of(EXAMPLE)}).json()

    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("42", "diabetes_classifier", "1")
    assert answer["parameters"] == {
        "horizon": "any",
        "model_version": "1",
        "digest": registry.production().onnx_digest,
        "threshold": 0.5,
        "calibrated": True,
        "data_source": "synthetic",
    }


def test_only_the_outputs_that_were_asked_for_are_answered_in_their_order(client):
    asked = [{"name": "prediction"}, {"name": "probability", "parameters": {"binary_data": True}}]

    answer = client.post(INFER, json={"inputs": inputs_of(EXAMPLE, EXAMPLE), "outputs": asked})

    end = int(answer.headers[LENGTH])
    outputs = json.loads(answer.content[:end])["outputs"]
    assert outputs[0] == {"name": "prediction", "datatype": "INT64", "shape": [2], "data": [1, 1]}
    assert outputs[1]["parameters"] == {"binary_data_size": 8}
    assert np.frombuffer(answer.content[end:], "<f4") == pytest.approx([0.6224593] * 2)
    assert answer.headers["content-type"] == "application/octet-stream"


def test_all_outputs_are_binary_when_the_request_says_so(client):
    document = {"inputs": inputs_of(EXAMPLE), "parameters": {"binary_data_output": True}}

    answer = client.post(INFER, json=document)

    outputs = json.loads(answer.content[: int(answer.headers[LENGTH])])["outputs"]
    assert [output["parameters"]["binary_data_size"] for output in outputs] == [4, 8, 40]


def test_every_row_is_logged_with_its_source_and_its_id(start, database, logged):
    client = start(database=database)

    answer = client.post(INFER, json={"inputs": inputs_of(EXAMPLE, EXAMPLE)})

    rows = logged()
    assert {row["prediction_id"] for row in rows} == set(outputs_of(answer)["prediction_id"])
    assert {row["source"] for row in rows} == {"oip_rest"}
    assert rows[0]["features"] == EXAMPLE


def test_predictions_and_requests_are_counted(client):
    client.post(INFER, json={"inputs": inputs_of(EXAMPLE, EXAMPLE)})

    scraped = client.get("/metrics").text
    assert 'readmission_predictions_total{horizon="any",model_version="1",risk_band="high"} 2.0' in scraped
    assert 'readmission_http_requests_total{route="/v2/models/{name}/infer",status="200"} 1.0' in scraped


def test_a_bad_row_refuses_the_request_and_is_named_with_its_field(client):
    refused = client.post("/predict", json=EXAMPLE | {"time_in_hospital": 99}).json()["errors"][0]

    answer = client.post(INFER, json={"inputs": inputs_of(EXAMPLE, EXAMPLE | {"time_in_hospital": 99})})

    assert answer.status_code == 400
    assert answer.json() == {"error": f"row 1, time_in_hospital: {refused['message']}"}


def test_drugs_that_contradict_what_follows_from_them_are_refused(client):
    answer = client.post(INFER, json={"inputs": inputs_of(EXAMPLE | {"insulin": "Steady", "diabetesMed": "No"})})

    assert answer.status_code == 400
    assert "row 0, diabetesMed: must be Yes" in answer.json()["error"]


def test_a_feature_that_is_required_may_not_be_left_out(client):
    answer = client.post(INFER, json={"inputs": [given for given in inputs_of(EXAMPLE) if given["name"] != "age"]})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("row 0, age: is required")


def test_of_many_problems_the_first_are_named(client):
    answer = client.post(INFER, json={"inputs": inputs_of(*[EXAMPLE | {"age": "old"}] * 30)})

    assert answer.json()["error"].endswith("; and 20 more")


HOSTILE = {
    "no JSON": b"{",
    "a list": b"[]",
    "no inputs": b"{}",
    "inputs that are empty": b'{"inputs": []}',
    "deep nesting": b'{"inputs": [{"name": "age", "shape": [1], "datatype": "BYTES", "data": ' + b"[" * 100_000,
    "a shape of text": json.dumps(with_input("age", shape=["1"])).encode(),
    "a huge shape": json.dumps(with_input("age", shape=[2**63])).encode(),
    "a negative shape": json.dumps(with_input("age", shape=[-1])).encode(),
    "another datatype": json.dumps(with_input("age", datatype="INT64")).encode(),
    "nested values": json.dumps(with_input("age", data=[[["[70-80)"]]])).encode(),
    "too few values": json.dumps(with_input("age", data=[])).encode(),
    "a fraction": json.dumps(with_input("time_in_hospital", data=[2.5])).encode(),
    "a truth value": json.dumps(with_input("time_in_hospital", data=[True])).encode(),
    "a number of text": json.dumps(with_input("time_in_hospital", data=["3"])).encode(),
    "data and their size": json.dumps(with_input("age", parameters={"binary_data_size": 4})).encode(),
    "a size without data": json.dumps(with_input("age", data=None, parameters={"binary_data_size": 4})).encode(),
    "a negative size": json.dumps(with_input("age", data=None, parameters={"binary_data_size": -4})).encode(),
    "a size of text": json.dumps(with_input("age", data=None, parameters={"binary_data_size": "4"})).encode(),
    "neither": json.dumps(with_input("age", data=None)).encode(),
    "a tensor that is no feature": json.dumps(with_input("age", name="weight")).encode(),
    "a tensor twice": json.dumps(with_input("age", name="race")).encode(),
    "an output that is none": json.dumps({"inputs": inputs_of(EXAMPLE), "outputs": [{"name": "risk"}]}).encode(),
    "shared memory": json.dumps(
        {
            "inputs": inputs_of(EXAMPLE),
            "outputs": [{"name": "probability", "parameters": {"shared_memory_region": "region"}}],
        }
    ).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_a_400_in_the_protocols_form(client, name):
    answer = client.post(INFER, content=HOSTILE[name])

    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("length", ["-1", "+5", "9" * 30, "1000000", "0x10", "٣", ""])
def test_a_header_length_that_is_none_is_refused(client, length):
    body, _ = binary_body(EXAMPLE)

    answer = client.post(INFER, content=body, headers={LENGTH.encode(): length.encode()})

    assert answer.status_code == 400
    assert LENGTH in answer.json()["error"]


def test_bytes_that_no_input_announces_are_refused(client):
    body, headers = binary_body(EXAMPLE)

    answer = client.post(INFER, content=body + b"more", headers=headers)

    assert (answer.status_code, answer.json()) == (400, {"error": "the body has more bytes than its inputs announce"})


def test_more_rows_than_allowed_are_refused(start):
    answer = start(max_batch_rows=2).post(INFER, json={"inputs": inputs_of(*[EXAMPLE] * 3)})

    assert (answer.status_code, answer.json()) == (413, {"error": "the tensors have more than 2 rows"})


def test_a_body_beyond_the_limit_is_refused(start):
    answer = start(max_body_bytes=100).post(INFER, json={"inputs": inputs_of(EXAMPLE)})

    assert answer.status_code == 413
    assert list(answer.json()) == ["error"]


def test_a_compressed_body_is_refused(client):
    assert client.post(INFER, content=b"", headers={"Content-Encoding": "gzip"}).status_code == 415


def test_a_large_request_is_answered_too(client):
    answer = client.post(INFER, json={"inputs": inputs_of(*[EXAMPLE] * 2000)})

    assert len(outputs_of(answer)["probability"]) == 2000


def test_only_the_inference_needs_a_key(start):
    client = start(api_keys="secret")
    body = {"inputs": inputs_of(EXAMPLE)}

    refused = client.post(INFER, json=body)

    assert refused.status_code == 401
    assert list(refused.json()) == ["error"]
    assert refused.headers["www-authenticate"]
    assert client.post(INFER, json=body, headers={"X-API-Key": "secret"}).status_code == 200
    assert client.get("/v2/models/diabetes_classifier").status_code == 200


@pytest.mark.parametrize("path", ["", "/ready"])
def test_another_name_or_version_is_not_found(client, path):
    for model in ("other", "diabetes_classifier/versions/7"):
        answer = client.get(f"/v2/models/{model}{path}")

        assert answer.status_code == 404
        assert list(answer.json()) == ["error"]


def test_an_inference_by_another_version_is_not_found(client):
    answer = client.post("/v2/models/diabetes_classifier/versions/7/infer", json={"inputs": inputs_of(EXAMPLE)})

    expected = "this version of diabetes_classifier is not served; the live one is 1"
    assert (answer.status_code, answer.json()) == (404, {"error": expected})


def test_health_and_metadata(client):
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/models/diabetes_classifier/versions/1/ready").json()["ready"] is True
    document = client.get("/v2/models/diabetes_classifier").json()
    assert (document["name"], document["versions"]) == ("diabetes_classifier", ["1"])
    assert {"name": "age", "datatype": "BYTES", "shape": [-1]} in document["inputs"]
    assert {"name": "admission_type_id", "datatype": "INT64", "shape": [-1]} in document["inputs"]
    assert [output["name"] for output in document["outputs"]] == ["probability", "prediction", "prediction_id"]


def test_without_a_model_the_server_lives_but_is_not_ready(start, registry):
    registry.withdraw()
    client = start(ready=False)

    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 503
    assert client.get("/v2/models/diabetes_classifier/ready").status_code == 503
    refused = client.post(INFER, json={"inputs": inputs_of(EXAMPLE)})
    assert (refused.status_code, list(refused.json())) == (503, ["error"])
