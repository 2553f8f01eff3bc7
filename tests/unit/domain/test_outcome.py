from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readmission.domain.outcome import (
    Knowledge,
    Report,
    StoredOutcome,
    merged,
    recalled,
    reported,
    stored_as,
    truth,
)
from readmission.errors import Conflict, InvalidInput

PREDICTED_ON = date(2026, 1, 10)
TODAY = PREDICTED_ON + timedelta(days=500)
NOW = datetime(2027, 5, 25, 12, tzinfo=UTC)


def readmitted(day):
    return Knowledge(day, day)


def at(day):
    """A time on a day since the prediction."""
    return datetime(2026, 1, 10, 8, 30, tzinfo=UTC) + timedelta(days=day)


@pytest.mark.parametrize(
    ("known", "any_later", "within_30_days"),
    [
        (Knowledge(), None, None),
        (readmitted(0), True, True),
        (readmitted(29), True, True),
        (readmitted(30), True, False),
        (readmitted(366), True, False),
        (Knowledge(29), None, None),
        (Knowledge(30), None, False),
        (Knowledge(364), None, False),
        (Knowledge(365), False, False),
        (Knowledge(0, 29), True, True),
        (Knowledge(0, 30), True, None),
    ],
)
def test_each_horizon_s_truth_follows_from_what_is_known(known, any_later, within_30_days):
    assert truth(known) == {"any": any_later, "within_30_days": within_30_days}


def test_a_report_is_counted_from_the_day_of_the_prediction():
    by = Report(not_readmitted_by=PREDICTED_ON + timedelta(days=31))

    assert reported(by, PREDICTED_ON, TODAY) == Knowledge(31)
    assert reported(Report(days_until_readmission=31), PREDICTED_ON, TODAY) == readmitted(31)


@pytest.mark.parametrize("day", [0, 500])
def test_the_day_of_the_prediction_and_today_can_be_reported(day):
    by = Report(not_readmitted_by=PREDICTED_ON + timedelta(days=day))

    assert reported(by, PREDICTED_ON, TODAY) == Knowledge(day)
    assert reported(Report(days_until_readmission=day), PREDICTED_ON, TODAY) == readmitted(day)


@pytest.mark.parametrize(
    "report",
    [
        Report(days_until_readmission=501),
        Report(days_until_readmission=10**4000),
        Report(not_readmitted_by=TODAY + timedelta(days=1)),
        Report(not_readmitted_by=PREDICTED_ON - timedelta(days=1)),
        Report(not_readmitted_by=date.min),
        Report(not_readmitted_by=date.max),
    ],
)
def test_a_day_in_the_future_or_before_the_prediction_is_refused_by_name(report):
    [given_field] = [name for name, value in vars(report).items() if value is not None]

    with pytest.raises(InvalidInput) as caught:
        reported(report, PREDICTED_ON, TODAY)

    assert caught.value.fields == (given_field,)


@pytest.mark.parametrize(
    ("known", "new", "result"),
    [
        (Knowledge(10), Knowledge(20), Knowledge(20)),
        (Knowledge(20), Knowledge(10), Knowledge(20)),
        (Knowledge(10), readmitted(11), readmitted(11)),
        (Knowledge(10), readmitted(10), readmitted(10)),
        (Knowledge(400), readmitted(401), readmitted(401)),
        (readmitted(11), Knowledge(11), readmitted(11)),
        (readmitted(11), readmitted(11), readmitted(11)),
        (Knowledge(0, 50), readmitted(40), readmitted(40)),
    ],
)
def test_knowledge_grows(known, new, result):
    assert merged(known, new) == result


@pytest.mark.parametrize(
    ("known", "new"),
    [
        (Knowledge(10), readmitted(9)),
        (readmitted(9), Knowledge(10)),
        (readmitted(9), readmitted(10)),
        (readmitted(10), readmitted(9)),
        (Knowledge(0, 50), readmitted(51)),
    ],
)
def test_a_contradiction_is_refused(known, new):
    with pytest.raises(Conflict, match="contradicts"):
        merged(known, new)


def test_of_a_readmission_without_its_day_only_the_day_can_be_reported():
    with pytest.raises(Conflict, match="send its days_until_readmission"):
        merged(Knowledge(0, 50), Knowledge(10))


REPORTS = st.builds(Knowledge, st.integers(0, 400)) | st.builds(readmitted, st.integers(0, 400))


@given(REPORTS, REPORTS)
def test_the_order_of_two_reports_makes_no_difference(first, second):
    def after(known, new):
        try:
            return merged(known, new)
        except Conflict:
            return None

    assert after(first, second) == after(second, first)


@given(REPORTS, REPORTS)
def test_no_report_takes_back_that_a_patient_was_readmitted_nor_what_became_of_the_first_30_days(first, second):
    try:
        result = merged(first, second)
    except Conflict:
        return

    before, after = truth(first), truth(result)
    assert before["within_30_days"] in (None, after["within_30_days"])
    assert after["any"] is True or before["any"] is not True


@given(REPORTS)
def test_what_is_stored_is_what_is_recalled(known):
    stored = stored_as(known, PREDICTED_ON, NOW)

    assert recalled(stored, PREDICTED_ON, "any") == known
    assert (stored.recorded_at, stored.readmitted) == (NOW, known.latest is not None)


@pytest.mark.parametrize("horizon", ["any", "within_30_days", None])
@pytest.mark.parametrize(("observed", "known"), [(45, Knowledge(45)), (-3, Knowledge(0))])
def test_no_readmission_of_an_earlier_release_is_none_until_it_was_observed(horizon, observed, known):
    stored = StoredOutcome(False, None, at(observed), at(60))

    assert recalled(stored, PREDICTED_ON, horizon) == known


@pytest.mark.parametrize(
    ("horizon", "observed", "within_30_days"),
    [
        ("any", 29, True),
        ("any", 30, None),
        (None, 29, True),
        (None, 30, None),
        ("within_30_days", 29, True),
        ("within_30_days", 90, True),
        # before the prediction: the time of recording, day 60, is all that is known
        ("any", -3, None),
        ("within_30_days", -3, True),
    ],
)
def test_a_readmission_of_an_earlier_release_is_early_only_as_far_as_it_is_known(horizon, observed, within_30_days):
    stored = StoredOutcome(True, None, at(observed), at(60))

    known = recalled(stored, PREDICTED_ON, horizon)

    assert truth(known) == {"any": True, "within_30_days": within_30_days}
