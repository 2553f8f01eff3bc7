"""The checks of the gate, in the order in which the ledger lists them. A new check is one more entry of ``CHECKS``.

A comparison with NaN is false, so each check is written such that NaN fails it.
"""

from readmission.domain.bootstrap import Interval
from readmission.domain.gate.check import Check, Finding, judged, not_applicable
from readmission.domain.gate.evidence import Comparison, Evidence, is_synthetic
from readmission.domain.horizon import HORIZONS
from readmission.domain.model_file import PARITY_LIMIT


def _leak_alarm(evidence: Evidence) -> Finding:
    found, limit = evidence.challenger.test_roc_auc.value, HORIZONS[evidence.challenger.horizon].leak_alarm_auc
    passed = found <= limit
    text = (
        f"a test ROC AUC of {found:.4f} is not above {limit}"
        if passed
        else f"leak alarm: a test ROC AUC of {found:.4f} is above {limit}; "
        "the outcome has probably leaked into the features"
    )
    return judged(passed, text, found, limit)


def _parity(evidence: Evidence) -> Finding:
    parity = evidence.challenger.parity
    if parity is None:
        return judged(False, "nobody has compared the model file with its pipeline", None, PARITY_LIMIT)
    return judged(
        parity < PARITY_LIMIT, f"the model file differs from its pipeline by {parity:.2g}", parity, PARITY_LIMIT
    )


def _discrimination_floor(evidence: Evidence) -> Finding:
    auc, floor = evidence.challenger.test_roc_auc, evidence.limits.floor
    passed = auc.low > floor
    text = f"test ROC AUC {auc.value:.4f}, 95 % interval {auc.low:.4f} to {auc.high:.4f}"
    return judged(passed, text if passed else f"{text}: its lower end is not above {floor}", auc.low, floor)


def _not_rolled_back(evidence: Evidence) -> Finding:
    if evidence.challenger.rolled_back:
        return judged(False, "a person has taken this version out of production", "rolled back", None)
    return judged(True, "nobody has taken this version out of production", "not rolled back", None)


def _not_synthetic_for_real(evidence: Evidence) -> Finding:
    if evidence.production is None:
        return not_applicable(evidence.incomparable)
    ours, theirs = evidence.challenger.data_source, evidence.production.data_source
    if not theirs:
        return not_applicable(f"nothing says on what version {evidence.production.version} in production was trained")
    if is_synthetic(evidence.challenger) and not is_synthetic(evidence.production):
        text = "trained on synthetic encounters; the version in production on real ones"
        return judged(False, text, ours, theirs)
    return judged(True, f"trained on {ours}; the version in production on {theirs}", ours, theirs)


def _calibration(evidence: Evidence) -> Finding:
    if evidence.production is None or evidence.production.calibrated is None or not _same_kind(evidence):
        return not_applicable(evidence.incomparable)
    ours = _calibrated(evidence.challenger.calibrated)
    theirs = _calibrated(evidence.production.calibrated)
    passed = evidence.challenger.calibrated or not evidence.production.calibrated
    text = f"this version is {ours}, version {evidence.production.version} in production is {theirs}"
    return judged(passed, text, ours, theirs)


def _same_kind(evidence: Evidence) -> bool:
    # a calibration on synthetic encounters says nothing about real ones
    production, challenger = evidence.production, evidence.challenger
    return production is not None and is_synthetic(production) == is_synthetic(challenger)


def _calibrated(is_calibrated: bool) -> str:
    return "calibrated" if is_calibrated else "not calibrated"


def _non_inferior_to_production(evidence: Evidence) -> Finding:
    if evidence.incomparable:
        return not_applicable(evidence.incomparable)
    return _non_inferior(_comparison(evidence), "in production", evidence.limits.margin)


def _non_inferior_to_best(evidence: Evidence) -> Finding:
    if evidence.against_best is None:
        return not_applicable("no other version that served is better on these test rows than the one in production")
    return _non_inferior(evidence.against_best, "which is the best one that ever served", evidence.limits.margin)


def _non_inferior(comparison: Comparison, role: str, margin: float) -> Finding:
    low = comparison.difference.low
    passed = low > -margin
    verdict = "no worse than" if passed else "not shown to be no worse than"
    text = f"{verdict} version {comparison.version} {role}: {numbers(comparison.difference)}"
    return judged(passed, text if passed else f"{text}, its lower end is not above {-margin}", low, -margin)


def _better_or_newer(evidence: Evidence) -> Finding:
    if evidence.incomparable or evidence.production is None:
        return not_applicable(evidence.incomparable)
    difference, version = _comparison(evidence).difference, evidence.production.version
    new_batches = sorted(evidence.challenger.batch_numbers - evidence.production.batch_numbers)
    if difference.low > 0:
        return judged(True, f"better than version {version}", difference.low, 0.0)
    if new_batches:
        return judged(True, f"trained on {len(new_batches)} batches that version {version} lacks", difference.low, 0.0)
    text = f"not shown to be better than version {version}, on no newer data: {numbers(difference)}"
    return judged(False, text, difference.low, 0.0)


def _comparison(evidence: Evidence) -> Comparison:
    if evidence.against_production is None:
        raise ValueError("the gate needs a comparison of these two versions")
    return evidence.against_production


def numbers(difference: Interval) -> str:
    """A difference of the test ROC AUC and its interval, as text."""
    return f"test ROC AUC {difference.value:+.4f}, 95 % interval {difference.low:+.4f} to {difference.high:+.4f}"


_PAIRED = "setting GATE_NON_INFERIORITY_MARGIN; bootstrap paired by patient, doi 10.1111/j.1467-9868.2007.00593.x"

CHECKS: tuple[Check, ...] = (
    Check(
        "leak_alarm",
        "The test ROC AUC is not too good to be true",
        "models without a leak reach 0.69 (any) and 0.67 (within_30_days) on the full UCI file",
        _leak_alarm,
    ),
    Check(
        "parity",
        "The model file gives the probabilities of its pipeline",
        "the contract of a model file",
        _parity,
    ),
    Check(
        "discrimination_floor",
        "The lower end of the interval of the test ROC AUC is above the floor",
        "settings GATE_FLOOR_ANY and GATE_FLOOR_WITHIN_30_DAYS, chosen by bench/gate.py",
        _discrimination_floor,
    ),
    Check("not_rolled_back", "Nobody has rolled this version back", "a person's decision stands", _not_rolled_back),
    Check(
        "no_synthetic_for_real",
        "A model of synthetic encounters does not replace one of real encounters",
        "a synthetic model is no clinical one",
        _not_synthetic_for_real,
    ),
    Check(
        "calibration",
        "A calibrated version is not replaced by one that is not",
        "slope and intercept on the validation split, as in domain/calibration.py",
        _calibration,
    ),
    Check(
        "non_inferior_to_production",
        "The challenger is no worse than the version in production",
        _PAIRED,
        _non_inferior_to_production,
    ),
    Check(
        "non_inferior_to_best",
        "The challenger is no worse than the best version that ever served",
        f"{_PAIRED}; so that small steps down cannot add up",
        _non_inferior_to_best,
    ),
    Check(
        "better_or_newer",
        "The challenger is better than production, or has seen newer data",
        "production changes only for a reason",
        _better_or_newer,
    ),
)
