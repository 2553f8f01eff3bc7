"""The gate: the rules that decide whether a challenger goes into production. It measures nothing itself."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from readmission.domain.bootstrap import Interval
from readmission.domain.cohort import Target
from readmission.domain.data_source import SYNTHETIC
from readmission.domain.model_file import PARITY_LIMIT

# a test AUC above this limit indicates that the outcome leaked into the features (see docs/architecture.md)
LEAK_ALARM_AUC: dict[Target, float] = {"any": 0.75, "within_30_days": 0.72}


class Action(StrEnum):
    """What the gate decides; ``KEEP``: the challenger is in production already."""

    PROMOTE = "promote"
    REJECT = "reject"
    KEEP = "keep"


@dataclass(frozen=True)
class Challenger:
    """A new version with its measurements. ``data_source`` is uci, file or synthetic.

    ``parity``: the largest difference of probability between model file and pipeline; None when it was not measured.
    ``rolled_back``: a person has taken this version out of production.
    """

    version: str
    target: Target
    data_source: str
    batch_numbers: frozenset[int]
    test_roc_auc: float
    parity: float | None
    rolled_back: bool = False


@dataclass(frozen=True)
class Production:
    """The version in production. ``unusable``: why this release cannot load it; empty when it can."""

    version: str
    target: str = ""
    data_source: str = ""
    batch_numbers: frozenset[int] = frozenset()
    unusable: str = ""


@dataclass(frozen=True)
class Comparison:
    """Both versions on the same test rows.

    ``difference``: the interval of the challenger's minus production's ROC AUC, paired by patient.
    """

    production_roc_auc: float
    difference: Interval


@dataclass(frozen=True)
class Decision:
    """The gate's decision. ``reason`` is a text for people; ``evidence`` holds its numbers, as values for JSON."""

    action: Action
    reason: str
    evidence: dict[str, Any]


def decide(challenger: Challenger, production: Production | None, comparison: Comparison | None) -> Decision:
    """Decide whether the challenger replaces the version in production (None: there is none).

    ``comparison`` is needed when both predict the same target and were both trained on real, or both on synthetic,
    data. Raises ``ValueError`` when it is needed and missing.
    """
    action, reason = _verdict(challenger, production, comparison)
    return Decision(action, reason, _evidence(challenger, production, comparison))


Verdict = tuple[Action, str]


def _verdict(challenger: Challenger, production: Production | None, comparison: Comparison | None) -> Verdict:
    if production is None:
        return _forbidden(challenger) or (Action.PROMOTE, "no version is in production")
    if production.version == challenger.version:
        return Action.KEEP, "this version is in production already"
    return (
        _forbidden(challenger) or _incomparable(challenger, production) or _compared(challenger, production, comparison)
    )


def _forbidden(challenger: Challenger) -> Verdict | None:
    """The rejections that do not depend on the version in production. Each check rejects NaN as well."""
    alarm = LEAK_ALARM_AUC[challenger.target]
    if not challenger.test_roc_auc <= alarm:
        return Action.REJECT, (
            f"leak alarm: a test ROC AUC of {challenger.test_roc_auc:.4f} is above {alarm}; "
            "the outcome has probably leaked into the features"
        )
    if challenger.parity is None:
        return Action.REJECT, "nobody has compared the model file with its pipeline"
    if not challenger.parity < PARITY_LIMIT:
        return Action.REJECT, f"the model file differs from its pipeline by {challenger.parity:.2g}"
    if challenger.rolled_back:
        return Action.REJECT, "a person has taken this version out of production"
    return None


def _incomparable(challenger: Challenger, production: Production) -> Verdict | None:
    if production.unusable:
        return Action.PROMOTE, f"this release cannot use version {production.version}: {production.unusable}"
    if production.target != challenger.target:
        return Action.REJECT, (
            f"version {production.version} in production predicts {production.target}, this one {challenger.target}: "
            "a change of target is a person's decision"
        )
    ours, theirs = challenger.data_source == SYNTHETIC, production.data_source == SYNTHETIC
    if theirs and not ours:
        return Action.PROMOTE, "trained on real encounters; the version in production only on synthetic ones"
    if ours and not theirs:
        return Action.REJECT, "trained on synthetic encounters; the version in production on real ones"
    return None


def _compared(challenger: Challenger, production: Production, comparison: Comparison | None) -> Verdict:
    if comparison is None:
        raise ValueError("the gate needs a comparison of these two versions")
    interval = comparison.difference
    numbers = f"test ROC AUC {interval.value:+.4f}, 95 % interval {interval.low:+.4f} to {interval.high:+.4f}"
    if interval.low > 0:
        return Action.PROMOTE, f"better than version {production.version}: {numbers}"
    if not interval.high >= 0:
        return Action.REJECT, f"worse than version {production.version}: {numbers}"
    if challenger.batch_numbers - production.batch_numbers:
        return Action.PROMOTE, f"no worse than version {production.version}, on newer data: {numbers}"
    return Action.REJECT, f"not shown to be better than version {production.version}, on no newer data: {numbers}"


def _evidence(challenger: Challenger, production: Production | None, comparison: Comparison | None) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "test_roc_auc": challenger.test_roc_auc,
        "leak_alarm_roc_auc": LEAK_ALARM_AUC[challenger.target],
        "parity": challenger.parity,
        "target": challenger.target,
        "data_source": challenger.data_source,
        "batch_numbers": sorted(challenger.batch_numbers),
    }
    if production:
        evidence["production_version"] = production.version
        evidence["new_batch_numbers"] = sorted(challenger.batch_numbers - production.batch_numbers)
    if comparison:
        evidence["production_test_roc_auc"] = comparison.production_roc_auc
        evidence["difference"] = asdict(comparison.difference)
    return evidence
