"""Confidence intervals of the ROC AUC by a cluster bootstrap over patients.

The encounters of a patient are correlated. Resampling rows would give intervals that are too narrow, so patients are
resampled instead (Field and Welsh 2007, doi 10.1111/j.1467-9868.2007.00593.x).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from readmission.errors import NotEnoughData

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and the limits of its 95 % percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Observations:
    """The outcomes of ``n`` encounters. Both outcomes occur, and there are at least two patients.

    ``outcome``: ``(n,)`` bool. ``patient``: ``(n,)`` integers from 0 to ``patients - 1``, one for each patient.
    """

    outcome: np.ndarray
    patient: np.ndarray
    patients: int

    @classmethod
    def of(cls, outcome: np.ndarray, patient_nbr: np.ndarray) -> Self:
        """Check ``(n,)`` outcomes (0 or 1) and ``(n,)`` patient numbers.

        Raises :class:`NotEnoughData` when only one outcome occurs, or when all encounters belong to one patient.
        """
        positive = np.asarray(outcome).astype(bool)
        numbers, patient = np.unique(np.asarray(patient_nbr), return_inverse=True)
        if not 0 < positive.sum() < len(positive):
            raise NotEnoughData(
                f"{len(positive)} encounters, {positive.sum()} of them readmitted: both kinds are needed"
            )
        if len(numbers) < 2:
            raise NotEnoughData("all encounters are of one patient")
        return cls(positive, patient, len(numbers))


class RankedScores:
    """Sorts ``(n,)`` scores once, so that each weighted ROC AUC needs no further sort.

    Raises :class:`NotEnoughData` when a score is not finite.
    """

    def __init__(self, outcome: np.ndarray, score: np.ndarray) -> None:
        if not np.isfinite(score).all():
            raise NotEnoughData("a score is not a finite number")
        self._order = np.argsort(score, kind="stable")
        sorted_score = score[self._order]
        self._ties = np.flatnonzero(np.r_[True, sorted_score[1:] != sorted_score[:-1]])
        self._positive = outcome[self._order].astype(float)

    def roc_auc(self, weight: np.ndarray) -> float:
        """The ROC AUC with ``(n,)`` weights: the probability that a positive scores above a negative.

        Ties count half. The result is NaN when the positives or the negatives have no weight.
        """
        sorted_weight = weight[self._order]
        positive = np.add.reduceat(sorted_weight * self._positive, self._ties)
        negative = np.add.reduceat(sorted_weight * (1 - self._positive), self._ties)
        below = np.cumsum(negative) - negative
        pairs = positive.sum() * negative.sum()
        return float(positive @ (below + negative / 2) / pairs) if pairs else float("nan")


def roc_auc(observed: Observations, score: np.ndarray) -> float:
    """The ROC AUC of ``(n,)`` scores. Raises :class:`NotEnoughData` when a score is not finite."""
    return RankedScores(observed.outcome, score).roc_auc(np.ones(len(score)))


def roc_auc_interval(observed: Observations, score: np.ndarray, rounds: int, seed: int) -> Interval:
    """The ROC AUC of ``(n,)`` scores with its interval from ``rounds`` bootstrap rounds.

    Raises :class:`NotEnoughData` when a score is not finite, or when most rounds draw one outcome only.
    """
    ranked = RankedScores(observed.outcome, score)
    drawn = [ranked.roc_auc(weight) for weight in _resampled(observed, rounds, seed)]
    return _interval(ranked.roc_auc(np.ones(len(score))), drawn)


def roc_auc_difference(
    observed: Observations, challenger: np.ndarray, production: np.ndarray, rounds: int, seed: int
) -> Interval:
    """The ROC AUC of the challenger minus that of production, with its interval. Both score arrays are ``(n,)``.

    The bootstrap is paired: each round measures both models on the same patients. Raises as
    :func:`roc_auc_interval`.
    """
    ours, theirs = RankedScores(observed.outcome, challenger), RankedScores(observed.outcome, production)
    drawn = [ours.roc_auc(weight) - theirs.roc_auc(weight) for weight in _resampled(observed, rounds, seed)]
    once = np.ones(len(challenger))
    return _interval(ours.roc_auc(once) - theirs.roc_auc(once), drawn)


def _resampled(observed: Observations, rounds: int, seed: int) -> Iterator[np.ndarray]:
    """For each round, the number of times that each encounter is drawn."""
    random = np.random.default_rng(seed)
    for _ in range(rounds):
        drawn = random.integers(observed.patients, size=observed.patients)
        yield np.bincount(drawn, minlength=observed.patients)[observed.patient].astype(float)


def _interval(value: float, drawn: list[float]) -> Interval:
    # a round with one outcome only has no AUC
    usable = np.array(drawn)[np.isfinite(drawn)]
    if len(usable) < len(drawn) / 2 or not len(usable):
        raise NotEnoughData("most bootstrap rounds drew patients with one outcome only")
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(usable, [tail, 1 - tail])
    return Interval(value, float(low), float(high))
