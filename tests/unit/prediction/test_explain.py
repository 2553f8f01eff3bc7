import numpy as np
import pytest

from readmission.domain.encoding import encode
from readmission.domain.example import EXAMPLE
from readmission.domain.feature_groups import FEATURE_GROUPS, SINGLE_FEATURES
from readmission.domain.schema import FEATURE_NAMES
from readmission.prediction.explain import explain

STAYS = FEATURE_NAMES.index("number_inpatient")
AGE = FEATURE_NAMES.index("age")
INSULIN = FEATURE_NAMES.index("insulin")


def risk(rows):
    log_odds = 0.5 * rows[:, STAYS] + 0.1 * rows[:, AGE] - 1
    return (1 / (1 + np.exp(-log_odds))).astype(np.float32)


@pytest.fixture
def row():
    return encode([EXAMPLE | {"number_inpatient": 4}])[0]


@pytest.fixture
def background():
    return encode([EXAMPLE | {"number_inpatient": stays, "age": "[50-60)"} for stays in (0, 0, 1, 3)])


def test_the_largest_contribution_comes_first(row, background):
    explanation = explain(risk, row, background)

    names = [found.name for found in explanation.contributions]
    assert names[:2] == ["inpatient_stays", "age"]
    assert sorted(names) == sorted(FEATURE_GROUPS)
    assert [found.log_odds for found in explanation.contributions[:2]] == pytest.approx([1.5, 0.2], abs=1e-5)
    assert {found.log_odds for found in explanation.contributions[2:]} == {0}


def test_the_probability_is_decomposed_as_a_game_of_its_own(row, background):
    explanation = explain(risk, row, background)

    assert explanation.base_probability == pytest.approx(risk(background).mean(), abs=1e-6)
    total = sum(found.probability for found in explanation.contributions)
    assert total == pytest.approx(explanation.probability - explanation.base_probability, abs=1e-9)
    # of the mean, the logistic function is not the mean of the logistic function
    assert explanation.base_probability != pytest.approx(1 / (1 + np.exp(-explanation.base_log_odds)), abs=1e-3)


def test_each_feature_can_be_explained_alone(row, background):
    explanation = explain(risk, row, background, SINGLE_FEATURES)

    assert len(explanation.contributions) == len(FEATURE_NAMES)
    assert explanation.contributions[0].features == ("number_inpatient",)


def test_the_risk_is_the_models_answer(row, background):
    explanation = explain(risk, row, background)

    assert explanation.probability == float(risk(row[None])[0])


def test_a_probability_of_0_or_1_still_has_finite_log_odds(row, background):
    def certain(rows):
        return (rows[:, STAYS] > 2).astype(np.float32)

    explanation = explain(certain, row, background)

    assert np.isfinite([explanation.log_odds, explanation.base_log_odds]).all()
    total = sum(found.log_odds for found in explanation.contributions)
    assert total == pytest.approx(explanation.log_odds - explanation.base_log_odds, abs=1e-6)


def test_a_switch_of_the_drugs_never_makes_an_encounter_that_contradicts_them(background):
    derived = [FEATURE_NAMES.index(name) for name in ("change_medication", "diabetesMed")]
    row = encode([EXAMPLE | {"metformin": "No", "insulin": "No"}])[0]
    seen = []

    def recorded(rows):
        seen.append(rows[:, [INSULIN, *derived]])
        return risk(rows)

    explain(recorded, row, background)

    # the background's insulin goes up, so its medication is changed; the patient has no drug
    assert {tuple(values) for values in np.concatenate(seen).tolist()} == {(3, 1, 1), (0, 0, 0)}
