import json
from dataclasses import replace

import pytest

from readmission.domain.bootstrap import Interval
from readmission.domain.gate.check import Check, judged
from readmission.domain.gate.checks import CHECKS
from readmission.domain.gate.evidence import Challenger, Comparison, Evidence, Limits, Production
from readmission.domain.promotion import Action, decide

AUC = Interval(0.69, 0.67, 0.71)
CHALLENGER = Challenger(
    version="7",
    horizon="any",
    data_source="uci",
    batch_numbers=frozenset({1, 2}),
    test_roc_auc=AUC,
    parity=2e-7,
    calibrated=True,
)
PRODUCTION = Production(version="6", data_source="uci", batch_numbers=frozenset({1}), calibrated=True)
SAME_DATA = replace(PRODUCTION, batch_numbers=frozenset({1, 2}))

BETTER = Comparison("6", 0.68, Interval(0.01, 0.002, 0.018))
ALIKE = Comparison("6", 0.69, Interval(-0.001, -0.009, 0.007))
DRIFTED = Comparison("6", 0.72, Interval(-0.03, -0.061, 0.001))
WORSE = Comparison("6", 0.70, Interval(-0.02, -0.03, -0.011))
FIRST = Evidence(CHALLENGER, Limits(floor=0.6, margin=0.01))


def against(production, comparison, **changes):
    return replace(FIRST, production=production, against_production=comparison, **changes)


def failed(evidence):
    decision = decide(evidence)
    names = [check["id"] for check in decision.evidence["checks"] if check["outcome"] == "failed"]
    assert decision.action is (Action.REJECT if names else Action.PROMOTE)
    return names


def found(evidence, name):
    return next(check for check in decide(evidence).evidence["checks"] if check["id"] == name)


def test_the_first_version_is_promoted():
    decision = decide(FIRST)

    assert decision.action is Action.PROMOTE
    assert decision.reason == "no version is in production"


@pytest.mark.parametrize(
    ("production", "comparison", "action", "reason"),
    [
        (PRODUCTION, BETTER, Action.PROMOTE, "better than version 6"),
        (SAME_DATA, BETTER, Action.PROMOTE, "better than version 6"),
        (PRODUCTION, ALIKE, Action.PROMOTE, "no worse than version 6, on newer data"),
        (SAME_DATA, ALIKE, Action.REJECT, "not shown to be better than version 6, on no newer data"),
        (PRODUCTION, DRIFTED, Action.REJECT, "not shown to be no worse than version 6"),
        (PRODUCTION, WORSE, Action.REJECT, "not shown to be no worse than version 6"),
        (SAME_DATA, WORSE, Action.REJECT, "not shown to be no worse than version 6"),
    ],
)
def test_a_comparison_decides_by_the_interval_and_by_newer_data(production, comparison, action, reason):
    decision = decide(against(production, comparison))

    assert decision.action is action
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize(
    ("interval", "production", "checks"),
    [
        (Interval(0.004, 0.0, 0.008), SAME_DATA, ["better_or_newer"]),
        (Interval(0.0, -0.01, 0.01), PRODUCTION, ["non_inferior_to_production"]),
        (Interval(0.0, 0.0, 0.0), SAME_DATA, ["better_or_newer"]),
        (Interval(float("nan"), float("nan"), float("nan")), PRODUCTION, ["non_inferior_to_production"]),
    ],
    ids=["not above 0", "not above the margin", "the same model", "no number"],
)
def test_an_end_of_the_interval_at_its_limit_fails(interval, production, checks):
    assert failed(against(production, Comparison("6", 0.69, interval))) == checks


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        ({"test_roc_auc": Interval(0.7501, 0.73, 0.77)}, "leak_alarm", "leak alarm"),
        ({"test_roc_auc": Interval(float("nan"), 0.67, 0.71)}, "leak_alarm", "leak alarm"),
        ({"test_roc_auc": Interval(0.73, 0.7, 0.75), "horizon": "within_30_days"}, "leak_alarm", "leak alarm"),
        ({"parity": 1e-4}, "parity", "the model file differs"),
        ({"parity": float("nan")}, "parity", "the model file differs"),
        ({"parity": None}, "parity", "nobody has compared"),
        ({"test_roc_auc": Interval(0.31, 0.28, 0.34)}, "discrimination_floor", "test ROC AUC 0.3100"),
        ({"test_roc_auc": Interval(0.64, 0.6, 0.68)}, "discrimination_floor", "test ROC AUC 0.6400"),
        ({"test_roc_auc": Interval(0.64, float("nan"), 0.68)}, "discrimination_floor", "test ROC AUC 0.6400"),
        ({"rolled_back": True}, "not_rolled_back", "a person has taken"),
    ],
)
def test_nothing_outweighs_a_check_of_the_challenger_itself(changes, name, reason):
    challenger = replace(CHALLENGER, **changes)
    situations = [
        replace(FIRST, challenger=challenger),
        against(PRODUCTION, BETTER, challenger=challenger),
        against(replace(PRODUCTION, data_source="synthetic"), BETTER, challenger=challenger),
        against(replace(PRODUCTION, unusable="it is damaged"), None, challenger=challenger),
    ]

    assert [failed(evidence) for evidence in situations] == [[name]] * 4
    assert [text for text in (decide(evidence).reason for evidence in situations) if not text.startswith(reason)] == []


def test_an_auc_at_the_alarm_is_still_believed():
    challenger = replace(CHALLENGER, test_roc_auc=Interval(0.75, 0.73, 0.77))

    assert failed(replace(FIRST, challenger=challenger)) == []


def test_the_version_in_production_is_kept():
    decision = decide(against(replace(PRODUCTION, version="7"), ALIKE))

    assert decision.action is Action.KEEP


def test_a_challenger_that_has_the_alias_but_is_not_served_is_examined():
    decision = decide(against(replace(PRODUCTION, version="7", unusable="it is not signed as promoted"), None))

    assert decision.action is Action.PROMOTE
    assert decision.evidence["checks"]


def test_small_steps_down_do_not_add_up():
    best = Comparison("2", 0.71, Interval(-0.02, -0.025, -0.015))

    assert failed(against(PRODUCTION, ALIKE, against_best=best)) == ["non_inferior_to_best"]
    assert "version 2" in decide(against(PRODUCTION, ALIKE, against_best=best)).reason


def test_a_calibrated_version_is_not_replaced_by_one_that_is_not():
    uncalibrated = replace(CHALLENGER, calibrated=False)

    assert failed(against(PRODUCTION, BETTER, challenger=uncalibrated)) == ["calibration"]
    assert failed(against(replace(PRODUCTION, calibrated=False), BETTER, challenger=uncalibrated)) == []
    assert failed(replace(FIRST, challenger=uncalibrated)) == []


def test_a_real_model_replaces_a_synthetic_one_even_with_a_lower_auc():
    decision = decide(against(replace(PRODUCTION, data_source="synthetic"), WORSE))

    assert decision.action is Action.PROMOTE
    assert "real encounters" in decision.reason


def test_a_synthetic_model_never_replaces_a_real_one():
    synthetic = replace(CHALLENGER, data_source="synthetic")

    assert failed(against(replace(PRODUCTION, data_source="file"), BETTER, challenger=synthetic)) == [
        "no_synthetic_for_real"
    ]


def test_two_synthetic_models_are_compared():
    synthetic = replace(CHALLENGER, data_source="synthetic")
    production = replace(SAME_DATA, data_source="synthetic")

    assert failed(against(production, BETTER, challenger=synthetic)) == []
    assert failed(against(production, ALIKE, challenger=synthetic)) == ["better_or_newer"]


def test_a_production_version_of_another_horizon_is_replaced_and_its_calibration_says_nothing():
    other = replace(PRODUCTION, calibrated=None, unusable="it predicts within_30_days")
    evidence = against(other, None, challenger=replace(CHALLENGER, calibrated=False))

    assert failed(evidence) == []
    assert found(evidence, "calibration")["outcome"] == "not applicable"
    assert decide(evidence).reason.startswith("version 6 in production cannot be used: it predicts within_30_days. ")


def test_a_damaged_production_version_is_replaced_and_the_reason_says_what_and_why():
    damaged = replace(PRODUCTION, unusable="its file has another digest than its tag")

    decision = decide(against(damaged, None))

    assert decision.action is Action.PROMOTE
    assert decision.reason == (
        "version 6 in production cannot be used: its file has another digest than its tag. "
        "It is replaced because of that, without a comparison"
    )
    assert decision.evidence["production_unusable"] == "its file has another digest than its tag"


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"calibrated": False}, "calibration"), ({"data_source": "synthetic"}, "no_synthetic_for_real")],
)
def test_a_damaged_production_version_does_not_lift_the_other_checks(changes, name):
    challenger = replace(CHALLENGER, **changes)

    assert failed(against(replace(PRODUCTION, unusable="damaged"), None, challenger=challenger)) == [name]


def test_of_a_damaged_version_without_tags_nothing_is_assumed():
    unknown = Production("6", "", frozenset(), calibrated=False, unusable="damaged")

    assert failed(against(unknown, None)) == []


def test_two_comparable_versions_need_a_comparison():
    with pytest.raises(ValueError, match="comparison"):
        decide(against(PRODUCTION, None))


def test_every_failed_check_is_in_the_reason():
    challenger = replace(CHALLENGER, parity=None, rolled_back=True)

    assert decide(replace(FIRST, challenger=challenger)).reason == (
        "nobody has compared the model file with its pipeline; a person has taken this version out of production"
    )


def test_the_evidence_holds_every_check_and_the_figures_and_is_json():
    evidence = json.loads(json.dumps(decide(against(PRODUCTION, BETTER)).evidence))

    assert [check["id"] for check in evidence["checks"]] == [check.id for check in CHECKS]
    assert evidence["test_roc_auc"] == {"value": 0.69, "low": 0.67, "high": 0.71}
    assert evidence["against_production"] == {
        "version": "6",
        "roc_auc": 0.68,
        "difference": {"value": 0.01, "low": 0.002, "high": 0.018},
    }
    assert evidence["new_batch_numbers"] == [2]
    assert evidence["production_version"] == "6"


def test_a_check_says_what_it_measured_and_where_its_limit_comes_from():
    check = found(against(PRODUCTION, ALIKE), "non_inferior_to_production")

    assert (check["outcome"], check["measured"], check["limit"]) == ("passed", -0.009, -0.01)
    assert "GATE_NON_INFERIORITY_MARGIN" in check["source"]
    assert check["title"]


def test_a_check_that_does_not_apply_says_why():
    check = found(FIRST, "non_inferior_to_production")

    assert (check["outcome"], check["text"]) == ("not applicable", "no version is in production")


def test_what_is_not_a_number_is_text_in_the_evidence():
    challenger = replace(CHALLENGER, parity=float("nan"))

    evidence = json.dumps(decide(replace(FIRST, challenger=challenger)).evidence, allow_nan=False)

    assert '"measured": "nan"' in evidence


def test_a_further_check_is_one_more_entry_of_the_list():
    stricter = Check("younger", "A check", "this test", lambda _: judged(False, "too old", 90, 18))

    decision = decide(FIRST, (*CHECKS, stricter))

    assert (decision.action, decision.reason) == (Action.REJECT, "too old")
    assert decision.evidence["checks"][-1]["id"] == "younger"


def test_the_checks_have_different_ids():
    assert len({check.id for check in CHECKS}) == len(CHECKS)
