import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from readmission.domain.gate.checks import LEAK_ALARM_AUC
from readmission.domain.horizon import HORIZON_NAMES
from readmission.domain.schema import FEATURE_NAMES
from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.modeling.export import with_unknowns
from readmission.modeling.fit import build, fit
from readmission.modeling.preparation import CATEGORIES, NUMBERS


@pytest.fixture(scope="module")
def cohort(split_cohort):
    return split_cohort(4_000, 3)


@pytest.fixture(scope="module")
def train(cohort):
    return cohort[cohort["split"] == "train"]


@pytest.fixture(scope="module")
def test(cohort):
    return cohort[cohort["split"] == "test"]


@pytest.fixture(scope="module", params=CANDIDATE_NAMES)
def fitted(request, train):
    return request.param, fit(request.param, train, "any", seed=0)


def test_the_names_are_had_without_a_library():
    code = (
        "import sys; from readmission.modeling.candidates import CANDIDATE_NAMES; print(len(CANDIDATE_NAMES));"
        "print(sorted({'sklearn', 'lightgbm', 'onnx', 'pandas', 'numpy'} & sys.modules.keys()))"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert told.splitlines() == [str(len(CANDIDATE_NAMES)), "[]"]


@pytest.mark.parametrize("name", ["crystal_ball", "..candidate", "lightgbm.basic", ""])
def test_an_unknown_candidate_is_refused(name):
    with pytest.raises(KeyError):
        build(name, seed=0)


def test_each_feature_is_a_number_or_a_category():
    assert sorted(NUMBERS + CATEGORIES) == sorted(FEATURE_NAMES)


def test_a_candidate_predicts_better_than_chance_and_below_the_leak_alarm(fitted, test):
    _, pipeline = fitted

    auc = roc_auc_score(test["readmitted"], pipeline.predict_proba(test)[:, 1])

    assert 0.58 < auc < LEAK_ALARM_AUC["any"]


def test_the_same_rows_and_seed_give_the_same_model(fitted, train, test):
    candidate, pipeline = fitted

    again = fit(candidate, train, "any", seed=0)

    np.testing.assert_array_equal(again.predict_proba(test), pipeline.predict_proba(test))


def test_an_encounter_of_which_nothing_is_known_gets_a_probability(fitted, test):
    _, pipeline = fitted

    probability = pipeline.predict_proba(with_unknowns(test.head(20), share=1.1, seed=0))[:, 1]

    assert ((probability > 0) & (probability < 1)).all()


def test_a_probability_is_not_changed_by_identifiers_outcomes_or_split(fitted, test):
    _, pipeline = fitted
    anonymous = test.assign(
        encounter_id=0, patient_nbr=0, readmitted=1 - test["readmitted"], readmitted_within_30_days=1, split="train"
    )

    np.testing.assert_array_equal(pipeline.predict_proba(anonymous), pipeline.predict_proba(test))


def test_what_a_model_learns_comes_from_the_training_rows_alone(train):
    # the median would move with one more row
    extreme = train.assign(number_inpatient=50).astype({"number_inpatient": "Int64"})

    medians = [
        fit("lightgbm", rows, "any", seed=0).named_steps["prepare"].named_transformers_["numbers"].statistics_
        for rows in (train, extreme)
    ]

    assert medians[0][NUMBERS.index("number_inpatient")] == train["number_inpatient"].median()
    assert medians[1][NUMBERS.index("number_inpatient")] == 50


def test_a_feature_that_is_unknown_in_every_row_does_not_stop_the_training(train, test):
    for candidate in CANDIDATE_NAMES:
        blank = train.assign(payer_code=None, num_medications=None)

        probability = fit(candidate, blank, "any", seed=0).predict_proba(test)[:, 1]

        assert np.isfinite(probability).all(), candidate


def test_a_readmission_within_30_days_is_rarer(train, test):
    any_time, soon = (
        fit("logistic_regression", train, horizon, seed=0).predict_proba(test)[:, 1].mean() for horizon in HORIZON_NAMES
    )

    assert soon < any_time / 2
