"""Intervals of the ROC AUC by a bootstrap over patients.

A patient's encounters are alike, so patients are resampled, not rows: resampled rows give intervals that are too narrow
(Field and Welsh 2007, doi 10.1111/j.1467-9868.2007.00593.x, the cluster bootstrap).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from readmission.errors import NotEnoughData

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its 95 % percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Observations:
    """The outcomes of ``n`` encounters of several patients, checked: both outcomes occur, patients are at least two.

    ``outcome``: ``(n,)`` bool. ``patient``: ``(n,)`` integers from 0, one number for each patient.
    """

    outcome: np.ndarray
    patient: np.ndarray
    patients: int

    @classmethod
    def of(cls, outcome: np.ndarray, patient_nbr: np.ndarray) -> Self:
        """Raises :class:`NotEnoughData` when there is nothing to measure discrimination on."""
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
    """Scores sorted once, so that the AUC under any weights costs two sums instead of a sort."""

    def __init__(self, outcome: np.ndarray, score: np.ndarray) -> None:
        if not np.isfinite(score).all():
            raise NotEnoughData("a score is not a finite number")
        self._order = np.argsort(score, kind="stable")
        sorted_score = score[self._order]
        self._ties = np.flatnonzero(np.r_[True, sorted_score[1:] != sorted_score[:-1]])
        self._positive = outcome[self._order].astype(float)

    def roc_auc(self, weight: np.ndarray) -> float:
        """The weighted probability that a positive scores above a negative, ties half; NaN without one of the two."""
        sorted_weight = weight[self._order]
        positive = np.add.reduceat(sorted_weight * self._positive, self._ties)
        negative = np.add.reduceat(sorted_weight * (1 - self._positive), self._ties)
        below = np.cumsum(negative) - negative
        pairs = positive.sum() * negative.sum()
        return float(positive @ (below + negative / 2) / pairs) if pairs else float("nan")


def roc_auc(observed: Observations, score: np.ndarray) -> float:
    """The ROC AUC of ``(n,)`` scores."""
    return RankedScores(observed.outcome, score).roc_auc(np.ones(len(score)))


def roc_auc_interval(observed: Observations, score: np.ndarray, rounds: int, seed: int) -> Interval:
    """The ROC AUC of ``(n,)`` scores and its interval."""
    ranked = RankedScores(observed.outcome, score)
    drawn = [ranked.roc_auc(weight) for weight in _resampled(observed, rounds, seed)]
    return _interval(ranked.roc_auc(np.ones(len(score))), drawn)


def roc_auc_difference(
    observed: Observations, challenger: np.ndarray, production: np.ndarray, rounds: int, seed: int
) -> Interval:
    """Challenger's minus production's ROC AUC; paired: each round measures both on the same patients."""
    ours, theirs = RankedScores(observed.outcome, challenger), RankedScores(observed.outcome, production)
    drawn = [ours.roc_auc(weight) - theirs.roc_auc(weight) for weight in _resampled(observed, rounds, seed)]
    once = np.ones(len(challenger))
    return _interval(ours.roc_auc(once) - theirs.roc_auc(once), drawn)


def _resampled(observed: Observations, rounds: int, seed: int) -> Iterator[np.ndarray]:
    """How often each encounter is drawn, for each round."""
    random = np.random.default_rng(seed)
    for _ in range(rounds):
        drawn = random.integers(observed.patients, size=observed.patients)
        yield np.bincount(drawn, minlength=observed.patients)[observed.patient].astype(float)


def _interval(value: float, drawn: list[float]) -> Interval:
    # a round that drew only one kind of outcome says nothing
    usable = np.array(drawn)[np.isfinite(drawn)]
    if len(usable) < len(drawn) / 2 or not len(usable):
        raise NotEnoughData("most bootstrap rounds drew patients with one outcome only")
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(usable, [tail, 1 - tail])
    return Interval(value, float(low), float(high))
