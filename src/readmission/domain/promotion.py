"""The gate: decides by a list of checks whether a challenger goes into production. It measures nothing itself."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from readmission.domain.gate.check import Check, Finding, Outcome
from readmission.domain.gate.checks import CHECKS, numbers
from readmission.domain.gate.evidence import Comparison, Evidence, is_synthetic


class Action(StrEnum):
    """What the gate decides; ``KEEP``: the challenger is in production already, and it is served."""

    PROMOTE = "promote"
    REJECT = "reject"
    KEEP = "keep"


@dataclass(frozen=True)
class Decision:
    """The gate's decision. ``reason`` is for people; ``evidence`` holds checks and figures, as values for JSON."""

    action: Action
    reason: str
    evidence: dict[str, Any]


def decide(evidence: Evidence, checks: Sequence[Check] = CHECKS) -> Decision:
    """Decide whether the challenger replaces the version in production: it does when no check fails.

    Raises ``ValueError`` when the two can be compared and ``against_production`` is missing.
    """
    production = evidence.production
    if production and production.version == evidence.challenger.version and not production.unusable:
        return Decision(Action.KEEP, "this version is in production already", {})
    findings = [(check, check.examine(evidence)) for check in checks]
    failed = [finding.text for _, finding in findings if finding.outcome is Outcome.FAILED]
    action, reason = (Action.REJECT, "; ".join(failed)) if failed else (Action.PROMOTE, _why_promoted(evidence))
    return Decision(action, reason, _for_ledger(evidence, findings))


def _why_promoted(evidence: Evidence) -> str:
    if evidence.production is None:
        return evidence.incomparable
    if evidence.production.unusable:
        return f"{evidence.incomparable}. It is replaced because of that, without a comparison"
    if evidence.against_production is None or is_synthetic(evidence.production) != is_synthetic(evidence.challenger):
        return "trained on real encounters; the version in production only on synthetic ones"
    difference = evidence.against_production.difference
    verdict = "better than version {}" if difference.low > 0 else "no worse than version {}, on newer data"
    return f"{verdict.format(evidence.production.version)}: {numbers(difference)}"


def _for_ledger(evidence: Evidence, findings: Sequence[tuple[Check, Finding]]) -> dict[str, Any]:
    challenger, production = evidence.challenger, evidence.production
    figures: dict[str, Any] = {
        "checks": [check.report(finding) for check, finding in findings],
        "test_roc_auc": asdict(challenger.test_roc_auc),
        "horizon": challenger.horizon,
        "data_source": challenger.data_source,
        "batch_numbers": sorted(challenger.batch_numbers),
    }
    if production:
        figures["production_version"] = production.version
        figures["new_batch_numbers"] = sorted(challenger.batch_numbers - production.batch_numbers)
        figures["production_unusable"] = production.unusable or None
    for role in ("against_production", "against_best"):
        comparison: Comparison | None = getattr(evidence, role)
        figures[role] = asdict(comparison) if comparison else None
    return figures
