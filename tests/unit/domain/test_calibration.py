import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from readmission.domain.calibration import Calibration, calibrate
from readmission.errors import NotEnoughData


def drawn(log_odds, seed=0):
    """Outcomes that come as often as ``log_odds`` say."""
    probability = 1 / (1 + np.exp(-log_odds))
    return (np.random.default_rng(seed).random(len(log_odds)) < probability).astype(int)


@pytest.fixture
def log_odds():
    return np.random.default_rng(1).normal(-0.3, 1, size=60_000)


def risk(log_odds):
    return 1 / (1 + np.exp(-log_odds))


def test_true_risks_are_calibrated(log_odds):
    calibration = calibrate(drawn(log_odds), risk(log_odds))

    assert calibration.slope == pytest.approx(1, abs=0.03)
    assert calibration.intercept == pytest.approx(0, abs=0.03)
    assert calibration.is_good


def test_risks_that_are_twice_too_extreme_have_half_the_slope(log_odds):
    calibration = calibrate(drawn(log_odds), risk(2 * log_odds))

    assert calibration.slope == pytest.approx(0.5, abs=0.02)
    assert not calibration.is_good


def test_risks_that_are_too_low_have_a_positive_intercept(log_odds):
    calibration = calibrate(drawn(log_odds), risk(log_odds - 0.5))

    assert calibration.intercept == pytest.approx(0.5, abs=0.03)
    assert not calibration.is_good


def test_the_slope_is_that_of_a_logistic_regression_without_penalty(log_odds):
    outcome = drawn(log_odds)
    reference = LogisticRegression(C=np.inf, tol=1e-10).fit(3 * log_odds[:, None] + 1, outcome)

    calibration = calibrate(outcome, risk(3 * log_odds + 1))

    assert calibration.slope == pytest.approx(reference.coef_[0, 0], rel=1e-4)


def test_certain_risks_of_0_and_1_are_bearable(log_odds):
    outcome = drawn(log_odds)
    probability = np.where(np.arange(len(outcome)) % 100 == 0, np.round(risk(log_odds)), risk(log_odds))

    assert np.isfinite(calibrate(outcome, probability).slope)


@pytest.mark.parametrize(
    ("outcome", "probability"),
    [
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3]),
        ([1, 1, 1], [0.2, 0.5, 0.6]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
    ],
    ids=["one risk for all", "one outcome", "perfect separation"],
)
def test_what_has_no_finite_answer_is_refused(outcome, probability):
    with pytest.raises(NotEnoughData):
        calibrate(np.array(outcome), np.array(probability))


@pytest.mark.parametrize(
    ("slope", "intercept", "good"),
    [(0.8, 0, True), (1.25, -0.1, True), (0.79, 0, False), (1.26, 0, False), (1, 0.11, False), (1, -0.11, False)],
)
def test_the_limits_of_good_calibration(slope, intercept, good):
    assert Calibration(slope, intercept).is_good is good
