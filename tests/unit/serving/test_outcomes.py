from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from readmission.adapters.database import PredictionRecord
from readmission.serving.encounter import EXAMPLE

NOW = datetime.now(UTC)
PREDICTED_AT = NOW - timedelta(days=400)
RECORD = PredictionRecord("old", PREDICTED_AT, "m", "1", 0.5, 1, 0.5, {}, [{"horizon": "any"}], "predict")


@pytest.fixture
def client(start, database) -> TestClient:
    """The API, which made the prediction ``old`` 400 days ago."""
    client = start(database=database)
    database.log_predictions([RECORD])
    return client


def on_day(day: int) -> str:
    return str(PREDICTED_AT.date() + timedelta(days=day))


def report(client: TestClient, **outcome: object):
    return client.post("/outcomes", json={"prediction_id": "old"} | outcome)


def test_a_readmission_is_answered_with_the_truth_of_each_horizon(client):
    answer = report(client, days_until_readmission=30)

    assert answer.status_code == 200
    assert answer.json() == {"prediction_id": "old", "truth": {"any": True, "within_30_days": False}}


@pytest.mark.parametrize(
    ("day", "truth"),
    [
        (29, {"any": None, "within_30_days": None}),
        (30, {"any": None, "within_30_days": False}),
        (365, {"any": False, "within_30_days": False}),
    ],
)
def test_without_a_readmission_the_truth_is_not_known_until_the_time_has_passed(client, day, truth):
    assert report(client, not_readmitted_by=on_day(day)).json()["truth"] == truth


def test_today_s_prediction_takes_an_outcome_of_today(client):
    prediction_id = client.post("/predict", json=EXAMPLE).json()["prediction_id"]

    answer = client.post("/outcomes", json={"prediction_id": prediction_id, "days_until_readmission": 0})

    assert answer.json() == {"prediction_id": prediction_id, "truth": {"any": True, "within_30_days": True}}


def test_the_same_outcome_again_changes_nothing(client):
    answers = [report(client, days_until_readmission=12) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


def test_a_later_report_adds_to_what_is_known(client):
    report(client, not_readmitted_by=on_day(10))
    report(client, not_readmitted_by=on_day(31))

    answer = report(client, days_until_readmission=40)

    assert answer.json()["truth"] == {"any": True, "within_30_days": False}


def test_a_contradicting_outcome_is_409_and_changes_nothing(client):
    report(client, days_until_readmission=12)

    answer = report(client, not_readmitted_by=on_day(13))

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert report(client, days_until_readmission=12).status_code == 200


def test_an_outcome_of_no_prediction_is_404(client):
    answer = client.post("/outcomes", json={"prediction_id": "unknown", "days_until_readmission": 1})

    assert answer.status_code == 404


BAD_IDS = [None, 3, "", "x" * 65, "a\x00b", "٣"]
BAD_DAYS = [True, "3", 3.5, -1, 402, 10**30, 10**4000, [3]]
BAD_DATES = [
    on_day(-1),
    on_day(402),
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "2026-01-02T00:00:00",
    "2026-01-02T00:00:00Z",
    "1767312000",
    "20260102",
    "2026-1-2",
    "2026-01-02\n",
    "٢٠٢٦-01-02",
    "yesterday",
    "",
    1767312000,
    True,
]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("prediction_id", BAD_IDS),
        ("days_until_readmission", BAD_DAYS),
        ("not_readmitted_by", BAD_DATES),
        ("readmitted", [True]),
        ("nonsense", [1]),
    ],
)
def test_a_bad_field_is_named(client, field, values):
    about = {} if field in ("days_until_readmission", "not_readmitted_by") else {"days_until_readmission": 3}

    answers = {repr(value)[:40]: report(client, **about | {field: value}) for value in values}

    assert {value: answer.status_code for value, answer in answers.items() if answer.status_code != 422} == {}
    named = {value: [error["field"] for error in answer.json()["errors"]] for value, answer in answers.items()}
    assert {value: fields for value, fields in named.items() if fields != [field]} == {}


@pytest.mark.parametrize(
    "outcome",
    [
        {},
        {"days_until_readmission": None},
        {"days_until_readmission": None, "not_readmitted_by": None},
        {"days_until_readmission": 3, "not_readmitted_by": on_day(2)},
        {"days_until_readmission": 0, "not_readmitted_by": on_day(0)},
    ],
)
def test_both_or_none_of_the_two_fields_are_refused(client, outcome):
    answer = report(client, **outcome)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["days_until_readmission", "not_readmitted_by"]


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"{", 400), (b"[]", 422), (b"x" * 20_000, 413)])
def test_a_bad_body_is_refused(client, body, status):
    assert client.post("/outcomes", content=body).status_code == status


def test_without_a_database_outcomes_cannot_be_kept(start):
    answer = start(database=None).post("/outcomes", json={"prediction_id": "x", "days_until_readmission": 1})

    assert answer.status_code == 503


def test_with_keys_only_who_has_one_may_report(start):
    assert start(api_keys="one").post("/outcomes", json={}).status_code == 401


def test_the_documented_answer_has_the_keys_of_an_answer(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]

    answer = report(client, days_until_readmission=12).json()

    assert set(answer) == set(schemas["KnownOutcome"]["properties"]) == set(schemas["KnownOutcome"]["example"])
    assert set(schemas["KnownOutcome"]["properties"]["truth"]["propertyNames"]["enum"]) == set(answer["truth"])
