"""Whatever is sent: an answer or a problem document of the caller's fault, never a 500, never an echo."""

import json

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readmission.domain.schema import FEATURE_NAMES, RAW_NAMES
from readmission.serving.encounter import EXAMPLE

SETTINGS = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=10,
)
ALMOST_ENCOUNTERS = st.dictionaries(
    st.sampled_from([*FEATURE_NAMES, *RAW_NAMES]) | st.text(), JSON_VALUES, max_size=6
).map(lambda changes: EXAMPLE | changes)
ALMOST_OUTCOMES = st.fixed_dictionaries(
    {"prediction_id": JSON_VALUES}, optional={"days_until_readmission": JSON_VALUES, "not_readmitted_by": JSON_VALUES}
)
MEDIA_TYPES = st.sampled_from(["application/json", "text/csv", "application/vnd.apache.parquet"])


def check(client: TestClient, path: str, body: bytes, media_type: str = "application/json") -> None:
    answer = client.post(path, content=body, headers={"Content-Type": media_type})

    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


@SETTINGS
@given(JSON_VALUES | ALMOST_ENCOUNTERS)
def test_any_json_is_answered_or_refused_by_predict(client, document):
    check(client, "/predict", json.dumps(document).encode())


@SETTINGS
@given(JSON_VALUES | st.lists(JSON_VALUES | ALMOST_ENCOUNTERS, max_size=3))
def test_any_json_is_answered_or_refused_by_predict_batch(client, document):
    check(client, "/predict_batch", json.dumps(document).encode())


@SETTINGS
@given(JSON_VALUES | ALMOST_OUTCOMES)
def test_any_json_is_refused_by_outcomes(client, document):
    answer = client.post("/outcomes", content=json.dumps(document).encode())

    assert answer.status_code in (400, 422, 503)


@SETTINGS
@given(st.binary(max_size=300), MEDIA_TYPES)
def test_any_bytes_are_answered_or_refused_by_predict_batch(client, body, media_type):
    check(client, "/predict_batch", body, media_type)


@SETTINGS
@given(st.lists(st.lists(st.text(max_size=8), max_size=30), max_size=4))
def test_any_table_under_the_right_header_is_answered(client, cells):
    lines = [",".join(EXAMPLE), ",".join(map(str, EXAMPLE.values())), *(",".join(line) for line in cells)]

    check(client, "/predict_batch", "\n".join(lines).encode("utf-8", "surrogatepass"), "text/csv")


@pytest.mark.parametrize("path", ["/predict", "/predict_batch", "/outcomes"])
def test_known_tricks_are_refused(client, path):
    bodies = [
        b"",
        b"\x00",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"{}," * 20_000 + b"{}]",
        b'{"age":"' + b"x" * 1_000_000 + b'"}',
        b'{"' + b"x" * 1_000_000 + b'":1}',
        b'{"time_in_hospital":' + b"9" * 100_000 + b"}",
        b'{"time_in_hospital":1e999999}',
        b'{"age":"\\ud800"}',
        b'{"age":"\\u0000"}',
        b'{"__proto__":{},"__class__":1,"model_config":2}',
        b'{"age":"[\\u0667\\u0660-\\u0668\\u0660)"}',
    ]

    answers = {body[:24]: client.post(path, content=body) for body in bodies}

    assert len(answers) == len(bodies)
    assert [trick for trick, answer in answers.items() if not 400 <= answer.status_code < 500] == []
    assert [trick for trick, answer in answers.items() if len(answer.content) >= 20_000] == []


def test_a_caller_s_value_is_in_no_answer_and_in_no_log(client, capsys):
    secret = "Maria-Garcia-1956"
    rows = [EXAMPLE | {"race": secret, "diag_1": secret, "age": secret}]

    answers = [
        client.post("/predict", json=rows[0]),
        client.post("/predict_batch", json=rows),
        client.post("/predict_batch", content=f"{','.join(EXAMPLE)}\n{secret}", headers={"Content-Type": "text/csv"}),
        client.post("/outcomes", json={"prediction_id": secret + "!", "not_readmitted_by": secret}),
        client.post("/predict", content=f'{{"age": {secret}'.encode()),
    ]

    assert not any(secret in answer.text for answer in answers)
    assert secret not in "".join(capsys.readouterr())
    assert secret not in client.get("/metrics").text
