"""What the gate knows about a challenger, the version in production, and the best version that ever served."""

from dataclasses import dataclass

from readmission.domain.bootstrap import Interval
from readmission.domain.data_source import SYNTHETIC
from readmission.domain.horizon import HorizonName


@dataclass(frozen=True)
class Limits:
    """The limits that an operator can set.

    ``floor``: the lower end of the interval of the test ROC AUC must be above it. ``margin``: the ROC AUC, as a
    positive number, by which a challenger may be worse than another version at the lower end of the paired interval.
    """

    floor: float
    margin: float


@dataclass(frozen=True)
class Challenger:
    """A new version with its measurements. ``data_source`` is uci, file or synthetic.

    ``parity``: the largest difference of probability between model file and pipeline; None when it was not measured.
    ``rolled_back``: a person has taken this version out of production.
    """

    version: str
    horizon: HorizonName
    data_source: str
    batch_numbers: frozenset[int]
    test_roc_auc: Interval
    parity: float | None
    calibrated: bool
    rolled_back: bool = False


@dataclass(frozen=True)
class Production:
    """The version in production.

    ``calibrated``: None when it predicts another horizon. ``unusable``: why this release cannot use it; empty when it
    can.
    """

    version: str
    data_source: str
    batch_numbers: frozenset[int]
    calibrated: bool | None
    unusable: str = ""


@dataclass(frozen=True)
class Comparison:
    """The challenger and ``version`` on the same test rows.

    ``roc_auc`` is that of ``version``; ``difference`` is the interval of the challenger's minus it, paired by patient.
    """

    version: str
    roc_auc: float
    difference: Interval


@dataclass(frozen=True)
class Evidence:
    """Everything that a check may look at. ``production``: None when nothing is in production.

    ``against_production``: needed when :attr:`incomparable` is empty. ``against_best``: the comparison with the best
    version that ever served; None when there is no such version, or when it is the one in production.
    """

    challenger: Challenger
    limits: Limits
    production: Production | None = None
    against_production: Comparison | None = None
    against_best: Comparison | None = None

    @property
    def incomparable(self) -> str:
        """Why challenger and production cannot be compared; empty when they can."""
        if self.production is None:
            return "no version is in production"
        if self.production.unusable:
            return f"version {self.production.version} in production cannot be used: {self.production.unusable}"
        if is_synthetic(self.production) != is_synthetic(self.challenger):
            return "one version was trained on real encounters, the other one on synthetic encounters"
        return ""


def is_synthetic(version: Challenger | Production) -> bool:
    """Whether a version was trained on synthetic encounters."""
    return version.data_source == SYNTHETIC
