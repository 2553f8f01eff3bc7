import pytest
from fastapi.testclient import TestClient

from readmission.serving.encounter import EXAMPLE


@pytest.fixture
def client(start, database) -> TestClient:
    return start(database=database)


@pytest.fixture
def prediction_id(client) -> str:
    return client.post("/predict", json=EXAMPLE).json()["prediction_id"]


def test_the_same_outcome_twice_is_as_once(client, prediction_id):
    codes = [
        client.post("/outcomes", json={"prediction_id": prediction_id, "readmitted": True}).status_code
        for _ in range(2)
    ]

    assert codes == [204, 204]


def test_a_contradicting_outcome_is_409(client, prediction_id):
    client.post("/outcomes", json={"prediction_id": prediction_id, "readmitted": True})

    answer = client.post("/outcomes", json={"prediction_id": prediction_id, "readmitted": False})

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_outcome_of_no_prediction_is_404(client):
    assert client.post("/outcomes", json={"prediction_id": "unknown", "readmitted": True}).status_code == 404


@pytest.mark.parametrize("moment", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05+02:00", None])
def test_the_moment_may_have_any_zone_or_be_left_out(client, prediction_id, moment):
    outcome = {"prediction_id": prediction_id, "readmitted": False, "observed_at": moment}

    assert client.post("/outcomes", json=outcome).status_code == 204


def test_a_bad_field_is_named(client, prediction_id):
    bad = [
        ("prediction_id", None),
        ("prediction_id", 3),
        ("prediction_id", ""),
        ("prediction_id", "x" * 65),
        ("prediction_id", "a\x00b"),
        ("prediction_id", "٣"),
        ("readmitted", None),
        ("readmitted", 1),
        ("readmitted", "true"),
        ("observed_at", "2026-01-02T03:04:05"),
        ("observed_at", "2026-01-02"),
        ("observed_at", "yesterday"),
        ("observed_at", "0001-01-01T00:00:00+14:00"),
        ("observed_at", "9999-12-31T23:59:59-14:00"),
        ("observed_at", "9000-01-01T00:00:00+00:00"),
        ("observed_at", 10**30),
        ("nonsense", 1),
    ]
    outcome = {"prediction_id": prediction_id, "readmitted": True}

    answers = [(field, value, client.post("/outcomes", json=outcome | {field: value})) for field, value in bad]

    assert [(field, value) for field, value, answer in answers if answer.status_code != 422] == []
    assert [answer.json()["errors"][0]["field"] for _, _, answer in answers] == [field for field, _ in bad]
    assert {len(answer.json()["errors"]) for _, _, answer in answers} == {1}


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"{", 400), (b"[]", 422), (b"x" * 20_000, 413)])
def test_a_bad_body_is_refused(client, body, status):
    assert client.post("/outcomes", content=body).status_code == status


def test_without_a_database_outcomes_cannot_be_kept(start):
    answer = start(database=None).post("/outcomes", json={"prediction_id": "x", "readmitted": True})

    assert answer.status_code == 503


def test_with_keys_only_who_has_one_may_report(start):
    assert start(api_keys="one").post("/outcomes", json={}).status_code == 401
