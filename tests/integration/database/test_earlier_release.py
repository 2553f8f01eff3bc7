"""An inference database that a release with one horizon filled is upgraded to this release; on each dialect."""

import json
from datetime import UTC, date, datetime

import pytest
from alembic import command
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import DBAPIError

from direct_connection import connect
from readmission.adapters.database import InferenceDatabase, PredictionRecord
from readmission.adapters.database.migrate import configuration
from readmission.adapters.database.migrations import steps
from readmission.adapters.database.tables import outcomes, predictions, promotions
from readmission.domain.outcome import Knowledge, Report
from readmission.errors import Conflict

PREDICTED = datetime(2026, 1, 10, 8, 30, 15, 123456, tzinfo=UTC)
TODAY = date(2027, 6, 1)
MODEL, EARLY_MODEL = "diabetes_classifier", 'ward "7" ñ'
PROBABILITIES = (0.1 + 0.2, 1e-7, 0.5, 1.0, 0.123456789012345678)

INSERT_PREDICTION = text(
    "INSERT INTO predictions (prediction_id, created_at, model_name, model_version, probability, prediction, threshold,"
    " features, source) VALUES (:prediction_id, :created_at, :model_name, :model_version, :probability, 1, 0.46,"
    """ '{"age": "[60-70)"}', 'predict')"""
)
INSERT_OUTCOME = text(
    "INSERT INTO outcomes (prediction_id, readmitted, observed_at, recorded_at)"
    " VALUES (:prediction_id, :readmitted, :observed_at, '2026-04-01 00:00:00.000000')"
)
INSERT_PROMOTION = text(
    "INSERT INTO promotions (action, model_name, version, who, at, reason, evidence, pipeline_run_id)"
    " VALUES (:action, :model_name, :version, 'dag', '2026-01-01 00:00:00.000000', 'first', :evidence, 'run-1')"
)
# action, model, version, evidence
LEDGER = [
    ("promote", MODEL, "1", {"target": "any", "data_source": "uci", "checks": []}),
    ("sign", MODEL, "1", {"onnx_sha256": "a" * 64}),
    ("promote", EARLY_MODEL, "4", {"target": "within_30_days", "data_source": "synthetic"}),
    ("promote", MODEL, "2", {"target": "of another release"}),
    ("rollback", MODEL, "1", {}),
]


def add_prediction(database, prediction_id, model=MODEL, version="1", probability=0.3):
    """Insert a prediction as the earlier release did."""
    row = {
        "prediction_id": prediction_id,
        "created_at": "2026-01-10 08:30:15.123456",
        "model_name": model,
        "model_version": version,
        "probability": probability,
    }
    with connect(database) as connection:
        connection.execute(INSERT_PREDICTION, row)


def add_outcome(database, prediction_id, readmitted, observed_on):
    """Insert an outcome as the earlier release did."""
    row = {"prediction_id": prediction_id, "readmitted": readmitted, "observed_at": f"{observed_on} 09:00:00.000000"}
    with connect(database) as connection:
        connection.execute(INSERT_OUTCOME, row)


@pytest.fixture(params=["inference_0001", "inference_0002"])
def earlier_revision(request):
    return request.param


@pytest.fixture
def earlier(database_url, earlier_revision):
    """The database of an earlier release, with a ledger and with predictions of each kind of model version."""
    with InferenceDatabase(database_url) as database:
        with connect(database) as connection:
            command.upgrade(configuration("inference", connection), earlier_revision)
        with connect(database) as connection:
            for action, model, version, evidence in LEDGER:
                row = {"action": action, "model_name": model, "version": version, "evidence": json.dumps(evidence)}
                connection.execute(INSERT_PROMOTION, row)
        for number, probability in enumerate(PROBABILITIES):
            add_prediction(database, f"any-{number}", probability=probability)
        add_prediction(database, "early", EARLY_MODEL, "4")
        add_prediction(database, "odd-target", version="2")
        add_prediction(database, "not-in-the-ledger", version="99")
        yield database


def rows(database, table, *columns):
    """The rows of a table, in their order; without ``columns`` those of the earlier release too."""
    with connect(database) as connection:
        return connection.execute(select(*(columns or [table])).order_by(table.c[0])).mappings().all()


def risks(database):
    found = rows(database, predictions, predictions.c.prediction_id, predictions.c.risks)
    return {row["prediction_id"]: row["risks"] for row in found}


def test_every_row_is_there_after_the_upgrade(earlier):
    add_outcome(earlier, "any-0", 1, "2026-01-20")
    of_the_earlier_release = [column for column in predictions.c if column.name not in ("risks", "patient_reference")]
    before = rows(earlier, predictions, *of_the_earlier_release), rows(earlier, promotions)

    earlier.migrate()

    assert (rows(earlier, predictions, *of_the_earlier_release), rows(earlier, promotions)) == before
    assert [row["prediction_id"] for row in rows(earlier, outcomes)] == ["any-0"]


def test_an_earlier_prediction_has_the_risk_that_is_known_of_it(earlier):
    earlier.migrate()

    assert risks(earlier)["any-0"] == [
        {
            "horizon": "any",
            "probability": PROBABILITIES[0],
            "prediction": 1,
            "threshold": 0.46,
            "risk_band": None,
            "calibrated": None,
            "data_source": "uci",
            "model_name": MODEL,
            "model_version": "1",
        }
    ]
    assert [risks(earlier)[f"any-{number}"][0]["probability"] for number in range(5)] == list(PROBABILITIES)


def test_the_horizon_of_an_earlier_prediction_is_the_target_that_the_ledger_states(earlier):
    earlier.migrate()

    known = {
        name: (risk["horizon"], risk["data_source"], risk["model_name"]) for name, [risk] in risks(earlier).items()
    }
    assert known["early"] == ("within_30_days", "synthetic", EARLY_MODEL)
    assert known["odd-target"] == ("any", None, MODEL)
    assert known["not-in-the-ledger"] == ("any", None, MODEL)


def test_the_ledger_stays_append_only(earlier):
    earlier.migrate()

    for change in ("UPDATE promotions SET who = 'nobody'", "DELETE FROM promotions"):
        with connect(earlier) as connection, pytest.raises(DBAPIError, match="promotions is append-only"):
            connection.execute(text(change))
    assert [record.evidence for record in earlier.promotions()] == [evidence for *_, evidence in LEDGER]


@pytest.fixture
def updates():
    """The statements of this process that update predictions, as they run."""
    found = []

    def note(_connection, _cursor, statement, *_):
        if statement.startswith("UPDATE predictions"):
            found.append(statement)

    event.listen(Engine, "after_cursor_execute", note)
    yield found
    event.remove(Engine, "after_cursor_execute", note)


def test_more_rows_than_one_chunk_are_filled(earlier, monkeypatch, updates):
    monkeypatch.setattr(steps, "CHUNK_ROWS", 3)
    with connect(earlier) as connection:
        connection.execute(text("DELETE FROM predictions WHERE prediction_id IN ('any-1', 'any-3')"))

    earlier.migrate()

    assert all(risks(earlier).values())
    # 6 rows of 4 versions: any-0, any-2, any-4; then one of each of three versions
    assert len(updates) == 1 + 3


@pytest.mark.parametrize("last_statement", ["ALTER TABLE predictions", "ALTER TABLE outcomes", "UPDATE predictions"])
def test_an_upgrade_that_was_killed_is_finished_by_the_next(earlier, in_process, last_statement):
    url = earlier.url.render_as_string(hide_password=False)
    assert in_process("migrate", url, "inference", last_statement).wait(timeout=120) == -9

    earlier.migrate()

    assert all(risks(earlier).values())


def test_processes_that_upgrade_at_once_do_not_disturb_each_other(earlier, in_process):
    url = earlier.url.render_as_string(hide_password=False)

    processes = [in_process("migrate", url, "inference") for _ in range(3)]

    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert all(risks(earlier).values())


def test_a_worker_of_the_earlier_release_still_writes_after_the_upgrade(earlier):
    earlier.migrate()

    add_prediction(earlier, "late")
    add_outcome(earlier, "late", 1, "2026-03-01")

    assert risks(earlier)["late"] is None
    with pytest.raises(Conflict):
        earlier.record_outcome("late", Report(not_readmitted_by=date(2026, 2, 1)), TODAY)
    assert earlier.record_outcome("late", Report(days_until_readmission=31), TODAY) == Knowledge(31, 31)


def test_an_earlier_prediction_gets_an_outcome_and_a_new_one_is_logged(earlier):
    earlier.migrate()
    risk = {"horizon": "within_30_days", "probability": 0.2}
    new = PredictionRecord("new", PREDICTED, MODEL, "3", 0.5, 1, 0.4, {}, [{"horizon": "any"}, risk], "predict")

    earlier.log_predictions([new])

    assert risks(earlier)["new"] == new.risks
    assert earlier.record_outcome("any-0", Report(days_until_readmission=12), TODAY) == Knowledge(12, 12)
    assert earlier.record_outcome("new", Report(not_readmitted_by=date(2026, 2, 10)), TODAY) == Knowledge(31)


@pytest.mark.parametrize(
    ("prediction_id", "day_that_fits", "day_that_contradicts"),
    [("any-0", 50, 51), ("early", 29, 30)],
)
def test_a_readmission_of_an_earlier_release_gets_its_day(earlier, prediction_id, day_that_fits, day_that_contradicts):
    add_outcome(earlier, prediction_id, 1, "2026-03-01")
    earlier.migrate()

    with pytest.raises(Conflict):
        earlier.record_outcome(prediction_id, Report(days_until_readmission=day_that_contradicts), TODAY)
    known = earlier.record_outcome(prediction_id, Report(days_until_readmission=day_that_fits), TODAY)

    assert known == Knowledge(day_that_fits, day_that_fits)


def test_that_there_was_none_in_an_earlier_release_holds_until_it_was_observed(earlier):
    add_outcome(earlier, "any-0", 0, "2026-03-01")
    earlier.migrate()

    with pytest.raises(Conflict):
        earlier.record_outcome("any-0", Report(days_until_readmission=49), TODAY)

    assert earlier.record_outcome("any-0", Report(not_readmitted_by=date(2026, 1, 20)), TODAY) == Knowledge(50)
    assert earlier.record_outcome("any-0", Report(days_until_readmission=60), TODAY) == Knowledge(60, 60)
