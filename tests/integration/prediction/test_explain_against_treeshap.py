"""The explanation of a served LightGBM model against interventional TreeSHAP of its pipeline, on the same background.

TreeSHAP (Lundberg et al. 2020, doi 10.1038/s42256-019-0138-9) is exact; the explanation samples permutations. So they
agree up to ``TOLERANCE`` in log-odds, which is less than 0.003 of probability.
"""

import itertools
import math
import time
from datetime import UTC, datetime

import numpy as np
import pytest
import shap

from readmission.adapters.onnx_model import OnnxModel
from readmission.domain.feature_groups import FEATURE_GROUPS, SINGLE_FEATURES
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import FEATURE_NAMES
from readmission.modeling.background import background_sample
from readmission.modeling.export import export
from readmission.modeling.features import ClinicalEncoder
from readmission.modeling.fit import fit
from readmission.modeling.preparation import CATEGORIES, NUMBERS
from readmission.prediction.explain import explain

TOLERANCE = 0.01
PATIENTS = 12
METADATA = ModelFileMetadata("any", 0.5, 0.4, 0.6, "synthetic", "any", True, "0" * 64, datetime(2026, 1, 1, tzinfo=UTC))
# few enough for every coalition, and each with more than one feature
COARSE_GROUPS = {
    "person": ("age", "gender", "race", "payer"),
    "earlier_care": ("inpatient_stays", "emergency_visits", "outpatient_visits"),
    "way": ("admission", "discharge", "specialty"),
    "stay": ("length_of_stay", "laboratory_tests", "procedures", "medications"),
    "diagnoses": ("primary_diagnosis", "secondary_diagnoses", "number_of_diagnoses"),
    "diabetes": ("glucose_test", "a1c_test", "diabetes_drugs"),
}


@pytest.fixture(scope="module")
def cohort(split_cohort):
    return split_cohort(6_000, 5)


@pytest.fixture(scope="module")
def patients(cohort):
    return ClinicalEncoder().transform(cohort[cohort["split"] == "test"].head(PATIENTS))


@pytest.fixture(scope="module")
def served(cohort):
    """``served(candidate)``: its pipeline, and its model file as a server loads it."""
    train = cohort[cohort["split"] == "train"]

    def make(candidate):
        pipeline = fit(candidate, train, "any", seed=0)
        return pipeline, OnnxModel.from_bytes(export(pipeline, METADATA, background_sample(train, seed=0)))

    return make


@pytest.fixture(scope="module")
def lightgbm(served):
    return served("lightgbm")


def by_name(explanation):
    return {found.name: found.log_odds for found in explanation.contributions}


def tree_shap(pipeline, patients, background):
    """Its values in log-odds, by feature, of each patient, and the mean of the background."""
    prepare, classify = pipeline.named_steps["prepare"], pipeline.named_steps["classify"]
    explainer = shap.TreeExplainer(
        classify.booster_, prepare.transform(background), feature_perturbation="interventional"
    )
    values = explainer.shap_values(prepare.transform(patients))
    return [dict(zip(NUMBERS + CATEGORIES, row, strict=True)) for row in values], float(explainer.expected_value)


def test_each_features_contribution_is_that_of_tree_shap(lightgbm, patients):
    pipeline, model = lightgbm
    expected, base = tree_shap(pipeline, patients, model.background)

    explained = [explain(model.predict_probability, row, model.background, SINGLE_FEATURES) for row in patients]

    differences = [
        abs(found[name] - exact[name])
        for found, exact in zip(map(by_name, explained), expected, strict=True)
        for name in FEATURE_NAMES
    ]
    assert max(differences) < TOLERANCE
    assert np.mean(differences) < TOLERANCE / 10
    assert max(max(map(abs, exact.values())) for exact in expected) > 20 * TOLERANCE
    assert all(abs(explanation.base_log_odds - base) < 1e-5 for explanation in explained)


@pytest.mark.parametrize("groups", [FEATURE_GROUPS, SINGLE_FEATURES], ids=["groups", "features"])
def test_contributions_add_up_to_the_difference_from_the_backgrounds_mean(lightgbm, patients, groups):
    _, model = lightgbm
    means = model.predict_probability(model.background).mean(dtype=float)

    for row in patients:
        explanation = explain(model.predict_probability, row, model.background, groups)

        (risk,) = model.predict_probability(row[None]).tolist()
        assert explanation.probability == risk
        assert explanation.log_odds == pytest.approx(math.log(risk / (1 - risk)), abs=1e-9)
        assert explanation.base_probability == pytest.approx(means, abs=1e-6)
        log_odds = sum(found.log_odds for found in explanation.contributions)
        probability = sum(found.probability for found in explanation.contributions)
        assert log_odds == pytest.approx(explanation.log_odds - explanation.base_log_odds, abs=1e-6)
        assert probability == pytest.approx(risk - means, abs=1e-6)


def exact_values(model, row, groups, value):
    """The game by its definition: every coalition of groups, each with its weight."""
    positions = {name: [FEATURE_NAMES.index(feature) for feature in features] for name, features in groups.items()}

    def worth(coalition):
        hybrids = model.background.copy()
        for name in coalition:
            hybrids[:, positions[name]] = row[positions[name]]
        return value(model.predict_probability(hybrids).astype(float)).mean()

    coalitions = [frozenset(c) for size in range(len(groups) + 1) for c in itertools.combinations(groups, size)]
    worths = {coalition: worth(coalition) for coalition in coalitions}
    return {
        name: sum(
            (worths[c | {name}] - worths[c]) / len(groups) / math.comb(len(groups) - 1, len(c))
            for c in coalitions
            if name not in c
        )
        for name in groups
    }


def test_a_groups_contribution_is_that_of_the_game_over_all_coalitions(lightgbm, patients):
    _, model = lightgbm
    groups = {
        name: tuple(feature for part in parts for feature in FEATURE_GROUPS[part])
        for name, parts in COARSE_GROUPS.items()
    }

    for row in patients[:5]:
        found = explain(model.predict_probability, row, model.background, groups).contributions

        log_odds = exact_values(model, row, groups, lambda risk: np.log(risk / (1 - risk)))
        probability = exact_values(model, row, groups, lambda risk: risk)
        assert {each.name: each.log_odds for each in found} == pytest.approx(log_odds, abs=TOLERANCE)
        assert {each.name: each.probability for each in found} == pytest.approx(probability, abs=TOLERANCE / 3)


def test_of_an_additive_model_a_groups_contribution_is_the_sum_of_its_features(served, patients):
    _, model = served("logistic_regression")

    for row in patients:
        groups = by_name(explain(model.predict_probability, row, model.background))
        features = by_name(explain(model.predict_probability, row, model.background, SINGLE_FEATURES))

        sums = {name: sum(features[each] for each in members) for name, members in FEATURE_GROUPS.items()}
        assert groups == pytest.approx(sums, abs=1e-4)


def test_the_groups_take_less_than_300_ms_of_one_core(lightgbm, patients):
    _, model = lightgbm
    seconds = []

    for row in patients:
        started = time.thread_time()
        explain(model.predict_probability, row, model.background)
        seconds.append(time.thread_time() - started)

    assert np.median(seconds) < 0.3
