"""Calibration of predicted risks: whether 30 of 100 patients with a risk of 30 % are readmitted.

Source: Van Calster et al. 2019, "Calibration: the Achilles heel of predictive analytics",
doi 10.1186/s12916-019-1466-7.
"""

from dataclasses import dataclass

import numpy as np

from readmission.errors import NotEnoughData

SLOPE_RANGE = (0.8, 1.25)
LARGEST_INTERCEPT = 0.1
_MOST_CERTAIN = 1e-6
_STEPS = 50
_CONVERGED = 1e-10
_NO_ANSWER = (
    "the calibration has no finite solution: only one outcome occurs, or the predicted risks separate the outcomes "
    "perfectly"
)


@dataclass(frozen=True)
class Calibration:
    """The calibration of a model.

    ``slope``: 1 is perfect. Below 1, the risks are too extreme; above 1, they are too close to the average.
    ``intercept`` (calibration in the large, in log odds): 0 is perfect. Above 0, the risks are too low on average.
    """

    slope: float
    intercept: float

    @property
    def is_good(self) -> bool:
        """Whether the probability may be shown as a risk: slope from 0.8 to 1.25, intercept from -0.1 to 0.1."""
        return SLOPE_RANGE[0] <= self.slope <= SLOPE_RANGE[1] and abs(self.intercept) <= LARGEST_INTERCEPT


def calibrate(outcome: np.ndarray, probability: np.ndarray) -> Calibration:
    """Measure calibration by logistic recalibration of ``(n,)`` probabilities against ``(n,)`` outcomes (0 or 1).

    The slope comes from a regression of the outcome on the log odds. The intercept is fitted separately, with the log
    odds as an offset. Raises :class:`NotEnoughData` when a fit has no finite solution: only one outcome occurs, the
    risks separate the outcomes perfectly, or all risks are equal.
    """
    clipped = np.clip(np.asarray(probability, dtype=float), _MOST_CERTAIN, 1 - _MOST_CERTAIN)
    log_odds = np.log(clipped / (1 - clipped))
    ones = np.ones((len(log_odds), 1))
    if np.ptp(log_odds) < _CONVERGED:
        raise NotEnoughData("every encounter has the same predicted risk: there is no calibration slope")
    slope = _logistic(np.column_stack([ones, log_odds]), outcome, np.zeros_like(log_odds))[1]
    intercept = _logistic(ones, outcome, log_odds)[0]
    return Calibration(slope=float(slope), intercept=float(intercept))


def _logistic(X: np.ndarray, outcome: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Coefficients of a logistic regression without penalty, by Newton's method."""
    coefficients = np.zeros(X.shape[1])
    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(X @ coefficients + offset, -500, 500)))
        curvature = X.T @ (X * (probability * (1 - probability))[:, None])
        try:
            step = np.linalg.solve(curvature, X.T @ (outcome - probability))
        except np.linalg.LinAlgError as error:
            raise NotEnoughData(_NO_ANSWER) from error
        coefficients = coefficients + step
        if np.abs(step).max() < _CONVERGED:
            return coefficients
    raise NotEnoughData(_NO_ANSWER)
