import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from readmission.domain.bootstrap import Observations, RankedScores, roc_auc, roc_auc_difference, roc_auc_interval
from readmission.errors import NotEnoughData


def noisy(n, seed, strength=1.0):
    """Outcomes of ``n`` encounters, three of each patient, and a score that knows something of them."""
    random = np.random.default_rng(seed)
    outcome = random.random(n) < 0.4
    score = strength * outcome + random.normal(size=n)
    return Observations.of(outcome, np.arange(n) // 3), score


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=40))
@settings(max_examples=200)
def test_the_weighted_auc_is_that_of_scikit_learn_also_with_ties(rows):
    outcome, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    assume(0 < weight @ outcome < weight.sum())

    ours = RankedScores(outcome.astype(bool), score.astype(float)).roc_auc(weight.astype(float))

    assert ours == pytest.approx(roc_auc_score(outcome, score, sample_weight=weight), abs=1e-12)


def test_an_interval_holds_its_estimate_and_narrows_with_more_patients():
    few, many = noisy(300, seed=1), noisy(3_000, seed=1)

    narrow, wide = roc_auc_interval(*many, rounds=200, seed=0), roc_auc_interval(*few, rounds=200, seed=0)

    assert wide.low < wide.value < wide.high
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2
    assert wide.value == roc_auc(*few)


def test_encounters_that_repeat_a_patient_do_not_narrow_the_interval():
    observed, score = noisy(300, seed=2)
    repeated = Observations.of(np.repeat(observed.outcome, 20), np.repeat(observed.patient, 20))

    once = roc_auc_interval(observed, score, rounds=200, seed=0)
    twenty_times = roc_auc_interval(repeated, np.repeat(score, 20), rounds=200, seed=0)

    assert (twenty_times.low, twenty_times.high) == pytest.approx((once.low, once.high))


def test_the_same_seed_gives_the_same_interval():
    observed, score = noisy(300, seed=3)

    assert roc_auc_interval(observed, score, 50, seed=5) == roc_auc_interval(observed, score, 50, seed=5)
    assert roc_auc_interval(observed, score, 50, seed=5) != roc_auc_interval(observed, score, 50, seed=6)


def test_a_model_does_not_differ_from_itself():
    observed, score = noisy(300, seed=4)

    difference = roc_auc_difference(observed, score, score, rounds=50, seed=0)

    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_a_clearly_better_model_has_a_difference_above_zero():
    observed, good = noisy(3_000, seed=5, strength=2)
    poor = np.random.default_rng(9).normal(size=3_000)

    difference = roc_auc_difference(observed, good, poor, rounds=100, seed=0)

    assert difference.low > 0.2


@pytest.mark.parametrize(
    ("outcome", "patients"),
    [([], []), ([0, 0, 0], [1, 2, 3]), ([1, 1], [1, 2]), ([0, 1, 1], [7, 7, 7])],
    ids=["no rows", "nobody came back", "everybody came back", "one patient"],
)
def test_what_cannot_be_measured_is_refused(outcome, patients):
    with pytest.raises(NotEnoughData):
        Observations.of(np.array(outcome), np.array(patients))


def test_a_score_that_is_no_number_is_refused():
    observed, score = noisy(30, seed=6)
    score[3] = np.nan

    with pytest.raises(NotEnoughData):
        roc_auc(observed, score)


def test_rounds_without_both_outcomes_are_left_out_and_too_many_of_them_refused():
    mostly_usable = Observations.of(np.array([1, 0, 1, 0]), np.array([1, 2, 3, 4]))
    hardly_usable = Observations.of(np.array([1] + [0] * 60), np.r_[1, np.full(60, 2)])

    interval = roc_auc_interval(mostly_usable, np.array([0.9, 0.1, 0.4, 0.6]), rounds=100, seed=0)

    assert np.isfinite([interval.low, interval.high]).all()
    with pytest.raises(NotEnoughData):
        roc_auc_interval(hardly_usable, np.linspace(0, 1, 61), rounds=10, seed=4)
