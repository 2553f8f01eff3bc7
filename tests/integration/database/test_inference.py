"""The inference database on each dialect."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from direct_connection import connect
from readmission.adapters.database import PredictionRecord, PromotionRecord
from readmission.adapters.database.tables import outcomes, predictions
from readmission.domain.outcome import Knowledge, Report
from readmission.errors import Conflict, InvalidInput, NotFound

NOW = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)
TODAY = date(2028, 1, 1)
PREDICTION = PredictionRecord(
    prediction_id="p-1",
    created_at=NOW,
    model_name="diabetes_classifier",
    model_version="3",
    probability=0.1 + 0.2,
    prediction=1,
    threshold=0.25,
    features={"age": "[60-70)", "race": None, "num_medications": 3, "note": "ñ漢😀\\'\"\n"},
    risks=[
        {"horizon": "any", "probability": 0.1 + 0.2, "risk_band": "medium", "calibrated": True},
        {"horizon": "within_30_days", "probability": 1e-7, "risk_band": "low", "calibrated": False},
    ],
    source="predict",
)
PROMOTION = PromotionRecord(
    action="promote",
    model_name="diabetes_classifier",
    version="3",
    previous_version=None,
    who="dag",
    at=NOW,
    reason="better: 0.69 > 0.68, «sí»",
    evidence={"roc_auc": 0.69, "interval": [0.68, 0.7], "previous": None},
    pipeline_run_id="run-1",
)


def on_day(day):
    """The date of a day since the prediction."""
    return NOW.date() + timedelta(days=day)


def rows(database, table):
    with connect(database) as connection:
        return connection.execute(select(table)).mappings().all()


def test_a_prediction_is_stored_as_it_was_made(inference_database):
    inference_database.log_predictions([PREDICTION])

    [row] = rows(inference_database, predictions)
    assert PredictionRecord(**{name: value for name, value in row.items() if name != "id"}) == PREDICTION


def test_many_predictions_are_stored_at_once(inference_database):
    records = [replace(PREDICTION, prediction_id=f"p-{number}") for number in range(2500)]

    inference_database.log_predictions(records)

    assert {row["prediction_id"] for row in rows(inference_database, predictions)} == {r.prediction_id for r in records}


def test_a_prediction_logged_twice_is_stored_once(inference_database):
    inference_database.log_predictions([PREDICTION, PREDICTION])
    inference_database.log_predictions([replace(PREDICTION, probability=0.9), replace(PREDICTION, prediction_id="p-2")])

    stored = {row["prediction_id"]: row["probability"] for row in rows(inference_database, predictions)}
    assert stored == {"p-1": PREDICTION.probability, "p-2": PREDICTION.probability}


def test_no_prediction_is_no_error(inference_database):
    inference_database.log_predictions([])

    assert rows(inference_database, predictions) == []


def test_a_time_of_another_zone_comes_back_in_utc(inference_database):
    bogota = NOW.astimezone(timezone(timedelta(hours=-5)))

    inference_database.log_predictions([replace(PREDICTION, created_at=bogota)])

    [row] = rows(inference_database, predictions)
    assert (row["created_at"], row["created_at"].tzinfo) == (NOW, UTC)


def test_a_prediction_with_a_value_that_json_has_not_is_refused(inference_database):
    with pytest.raises(InvalidInput, match="features"):
        inference_database.log_predictions([replace(PREDICTION, features={"age": float("nan")})])

    assert rows(inference_database, predictions) == []


def test_risks_with_a_value_that_json_has_not_are_refused(inference_database):
    with pytest.raises(InvalidInput, match="risks"):
        inference_database.log_predictions([replace(PREDICTION, risks=[{"probability": float("nan")}])])

    assert rows(inference_database, predictions) == []


def test_a_value_that_the_database_refuses_is_no_failure_of_the_database(inference_database):
    with pytest.raises(InvalidInput, match="refuses") as caught:
        inference_database.log_predictions([replace(PREDICTION, prediction_id="p-2"), replace(PREDICTION, source=None)])

    assert "60-70" not in str(caught.value)
    assert rows(inference_database, predictions) == []


def test_an_outcome_that_is_reported_again_changes_nothing(inference_database):
    inference_database.log_predictions([PREDICTION])

    inference_database.record_outcome("p-1", Report(days_until_readmission=12), TODAY)
    before = rows(inference_database, outcomes)
    known = inference_database.record_outcome("p-1", Report(days_until_readmission=12), TODAY)

    assert known == Knowledge(12, 12)
    assert rows(inference_database, outcomes) == before
    assert (before[0]["readmitted"], before[0]["days_until_readmission"]) == (1, 12)


def test_what_is_known_of_an_outcome_grows(inference_database):
    inference_database.log_predictions([PREDICTION])
    reports = [
        Report(not_readmitted_by=on_day(0)),
        Report(not_readmitted_by=on_day(31)),
        Report(not_readmitted_by=on_day(20)),
        Report(days_until_readmission=31),
        Report(not_readmitted_by=on_day(5)),
    ]

    known = [inference_database.record_outcome("p-1", report, TODAY) for report in reports]

    assert known == [Knowledge(0), Knowledge(31), Knowledge(31), Knowledge(31, 31), Knowledge(31, 31)]
    assert len(rows(inference_database, outcomes)) == 1


def test_that_a_patient_had_not_come_back_is_stored_with_its_day(inference_database):
    inference_database.log_predictions([PREDICTION])

    inference_database.record_outcome("p-1", Report(not_readmitted_by=on_day(31)), TODAY)

    [row] = rows(inference_database, outcomes)
    assert (row["readmitted"], row["days_until_readmission"]) == (0, None)
    assert row["observed_at"] == datetime(2026, 12, 24, tzinfo=UTC)


def test_a_contradicting_outcome_is_refused_and_changes_nothing(inference_database):
    inference_database.log_predictions([PREDICTION])
    inference_database.record_outcome("p-1", Report(days_until_readmission=12), TODAY)
    before = rows(inference_database, outcomes)

    with pytest.raises(Conflict):
        inference_database.record_outcome("p-1", Report(not_readmitted_by=on_day(13)), TODAY)

    assert rows(inference_database, outcomes) == before


@pytest.mark.parametrize(
    "report", [Report(not_readmitted_by=on_day(-1)), Report(days_until_readmission=10**30)], ids=["before", "future"]
)
def test_an_outcome_of_a_day_that_cannot_be_is_refused(inference_database, report):
    inference_database.log_predictions([PREDICTION])

    with pytest.raises(InvalidInput):
        inference_database.record_outcome("p-1", report, TODAY)

    assert rows(inference_database, outcomes) == []


@pytest.mark.parametrize("prediction_id", ["p-2", "P-1", "p-1 ", "", "x" * 10_000, "' OR 1=1 --"])
def test_an_outcome_of_an_unknown_prediction_is_not_found(inference_database, prediction_id):
    inference_database.log_predictions([PREDICTION])

    with pytest.raises(NotFound):
        inference_database.record_outcome(prediction_id, Report(days_until_readmission=1), TODAY)

    assert rows(inference_database, outcomes) == []


def test_promotions_come_back_in_the_order_of_their_decisions(inference_database):
    reject = replace(PROMOTION, action="reject", version="4", previous_version="3", at=NOW - timedelta(days=1))

    inference_database.record_promotion(PROMOTION)
    inference_database.record_promotion(reject)

    assert inference_database.promotions() == [PROMOTION, reject]


def test_the_ledger_of_one_model_has_only_its_rows_with_the_actions_that_are_asked_for(inference_database):
    reject = replace(PROMOTION, action="reject", version="4")
    other_model = replace(PROMOTION, model_name="other")
    for record in (PROMOTION, reject, other_model):
        inference_database.record_promotion(record)

    assert inference_database.promotions(PROMOTION.model_name, ("promote",)) == [PROMOTION]
    assert inference_database.promotions(PROMOTION.model_name) == [PROMOTION, reject]


def test_a_decision_recorded_twice_is_in_the_ledger_once(inference_database):
    inference_database.record_promotion(PROMOTION)
    inference_database.record_promotion(replace(PROMOTION, at=NOW + timedelta(hours=1)))

    assert inference_database.promotions() == [PROMOTION]


@pytest.mark.parametrize("change", ["UPDATE promotions SET who = 'nobody'", "DELETE FROM promotions"])
def test_the_ledger_of_promotions_refuses_every_change(inference_database, change):
    inference_database.record_promotion(PROMOTION)

    with connect(inference_database) as connection, pytest.raises(DBAPIError, match="promotions is append-only"):
        connection.execute(text(change))

    assert inference_database.promotions() == [PROMOTION]
