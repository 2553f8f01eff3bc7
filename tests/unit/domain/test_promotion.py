import json
from dataclasses import replace

import pytest

from readmission.domain.bootstrap import Interval
from readmission.domain.promotion import LEAK_ALARM_AUC, Action, Challenger, Comparison, Production, decide

CHALLENGER = Challenger(
    version="7",
    target="any",
    data_source="uci",
    batch_numbers=frozenset({1, 2}),
    test_roc_auc=0.69,
    parity=2e-7,
)
PRODUCTION = Production(version="6", target="any", data_source="uci", batch_numbers=frozenset({1}))
SAME_DATA = replace(PRODUCTION, batch_numbers=frozenset({1, 2}))

BETTER = Comparison(0.68, Interval(0.01, 0.002, 0.018))
ALIKE = Comparison(0.69, Interval(-0.001, -0.009, 0.007))
WORSE = Comparison(0.70, Interval(-0.01, -0.018, -0.002))


def test_every_target_has_its_leak_alarm():
    assert LEAK_ALARM_AUC == {"any": 0.75, "within_30_days": 0.72}


def test_the_first_version_is_promoted():
    decision = decide(CHALLENGER, None, None)

    assert decision.action is Action.PROMOTE
    assert decision.reason == "no version is in production"


@pytest.mark.parametrize(
    ("production", "comparison", "action", "reason"),
    [
        (PRODUCTION, BETTER, Action.PROMOTE, "better than version 6"),
        (SAME_DATA, BETTER, Action.PROMOTE, "better than version 6"),
        (PRODUCTION, ALIKE, Action.PROMOTE, "no worse than version 6, on newer data"),
        (SAME_DATA, ALIKE, Action.REJECT, "not shown to be better than version 6, on no newer data"),
        (PRODUCTION, WORSE, Action.REJECT, "worse than version 6"),
        (SAME_DATA, WORSE, Action.REJECT, "worse than version 6"),
    ],
)
def test_a_comparison_decides_by_the_interval_and_by_newer_data(production, comparison, action, reason):
    decision = decide(CHALLENGER, production, comparison)

    assert decision.action is action
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize(
    ("interval", "production", "action"),
    [
        (Interval(0.004, 0.0, 0.008), SAME_DATA, Action.REJECT),
        (Interval(-0.004, -0.008, 0.0), PRODUCTION, Action.PROMOTE),
        (Interval(0.0, 0.0, 0.0), SAME_DATA, Action.REJECT),
    ],
    ids=["not above 0", "0 is no worse", "the same model"],
)
def test_the_ends_of_the_interval_count_as_it_says(interval, production, action):
    assert decide(CHALLENGER, production, Comparison(0.69, interval)).action is action


@pytest.mark.parametrize(
    ("forbidden", "reason"),
    [
        ({"test_roc_auc": 0.7501}, "leak alarm"),
        ({"test_roc_auc": float("nan")}, "leak alarm"),
        ({"test_roc_auc": 0.73, "target": "within_30_days"}, "leak alarm"),
        ({"parity": 1e-4}, "the model file differs"),
        ({"parity": float("nan")}, "the model file differs"),
        ({"parity": None}, "nobody has compared"),
        ({"rolled_back": True}, "a person has taken"),
    ],
)
def test_nothing_outweighs_what_is_forbidden(forbidden, reason):
    challenger = replace(CHALLENGER, **forbidden)

    decisions = [
        decide(challenger, None, None),
        decide(challenger, PRODUCTION, BETTER),
        decide(challenger, replace(PRODUCTION, data_source="synthetic"), BETTER),
    ]

    assert [decision.action for decision in decisions] == [Action.REJECT] * 3
    assert [decision.reason for decision in decisions if not decision.reason.startswith(reason)] == []


def test_an_auc_at_the_alarm_is_still_believed():
    assert decide(replace(CHALLENGER, test_roc_auc=0.75), None, None).action is Action.PROMOTE


def test_the_version_in_production_is_kept():
    decision = decide(CHALLENGER, replace(PRODUCTION, version="7"), ALIKE)

    assert decision.action is Action.KEEP


def test_a_real_model_replaces_a_synthetic_one_even_with_a_lower_auc():
    decision = decide(CHALLENGER, replace(PRODUCTION, data_source="synthetic"), WORSE)

    assert decision.action is Action.PROMOTE
    assert "real encounters" in decision.reason


def test_a_synthetic_model_never_replaces_a_real_one():
    decision = decide(replace(CHALLENGER, data_source="synthetic"), replace(PRODUCTION, data_source="file"), BETTER)

    assert decision.action is Action.REJECT
    assert "synthetic" in decision.reason


def test_two_synthetic_models_are_compared():
    challenger = replace(CHALLENGER, data_source="synthetic")

    assert decide(challenger, replace(SAME_DATA, data_source="synthetic"), BETTER).action is Action.PROMOTE


def test_another_target_is_a_persons_decision():
    decision = decide(CHALLENGER, replace(PRODUCTION, target="within_30_days"), None)

    assert decision.action is Action.REJECT
    assert "within_30_days" in decision.reason


def test_a_production_version_that_cannot_be_used_is_replaced():
    decision = decide(CHALLENGER, Production("6", unusable="another encoding"), None)

    assert decision.action is Action.PROMOTE
    assert "another encoding" in decision.reason


def test_two_comparable_versions_need_a_comparison():
    with pytest.raises(ValueError, match="comparison"):
        decide(CHALLENGER, PRODUCTION, None)


def test_the_evidence_holds_the_numbers_and_is_json():
    evidence = json.loads(json.dumps(decide(CHALLENGER, PRODUCTION, BETTER).evidence))

    assert evidence["test_roc_auc"] == 0.69
    assert evidence["production_test_roc_auc"] == 0.68
    assert evidence["difference"] == {"value": 0.01, "low": 0.002, "high": 0.018}
    assert evidence["new_batch_numbers"] == [2]
    assert evidence["production_version"] == "6"
