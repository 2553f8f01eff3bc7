"""Explains one prediction: what each group of features contributes to the patient's risk, compared with a background.

The risk is decomposed twice, in two games over the same evaluations of the model: one on the log-odds, one on the
probability. Each adds up by itself, so a probability's contributions are no rescaled log-odds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from readmission.domain.feature_groups import FEATURE_GROUPS
from readmission.domain.schema import FEATURE_NAMES
from readmission.prediction.shapley import Attribution, Floats, Integers, Predict, attribute

# a float32 probability of 0 or 1 stands for one that is nearer to it than this
_SMALLEST = 2.0**-24

NOTE = (
    "Contributions say how the model comes to its answer. They are associations in the data that it learned from, not "
    "causes: changing a value need not change the patient's risk."
)


@dataclass(frozen=True)
class Contribution:
    """What a group of features adds to the log-odds and to the probability of this patient's readmission."""

    name: str
    features: tuple[str, ...]
    log_odds: float
    probability: float


@dataclass(frozen=True)
class Explanation:
    """The bases are the background's means; with the contributions, they add up to the patient's values.

    ``contributions``: the largest in log-odds first.
    """

    base_log_odds: float
    base_probability: float
    log_odds: float
    probability: float
    contributions: tuple[Contribution, ...]


def explain(
    predict: Predict,
    row: np.ndarray,
    background: np.ndarray,
    groups: Mapping[str, tuple[str, ...]] = FEATURE_GROUPS,
) -> Explanation:
    """Explain an encoded encounter ``(len(FEATURES),)`` float32 with a background ``(n, len(FEATURES))`` float32.

    ``predict``: encoded encounters to probabilities. ``groups``: each feature is in one group. Groups are players of
    one game; the contribution of a group is not the sum of its features' contributions in a game of single features.
    """
    log_odds, probability = attribute(predict, row, background, players(groups), (logit, _as_they_are))
    contributions = _contributions(groups, log_odds, probability)
    return Explanation(log_odds.base, probability.base, log_odds.total, probability.total, contributions)


def _contributions(
    groups: Mapping[str, tuple[str, ...]], log_odds: Attribution, probability: Attribution
) -> tuple[Contribution, ...]:
    pairs = zip(log_odds.contributions.tolist(), probability.contributions.tolist(), strict=True)
    found = [Contribution(name, groups[name], *pair) for name, pair in zip(groups, pairs, strict=True)]
    return tuple(sorted(found, key=lambda contribution: -abs(contribution.log_odds)))


def players(groups: Mapping[str, tuple[str, ...]]) -> Integers:
    """The number of each feature's group, in the order of ``FEATURE_NAMES``. Raises ``KeyError`` if one has none."""
    group_of = {feature: number for number, features in enumerate(groups.values()) for feature in features}
    return np.array([group_of[name] for name in FEATURE_NAMES])


def logit(probability: Floats) -> Floats:
    """The log-odds of probabilities from 0 to 1, always finite."""
    inside = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return np.log(inside / (1 - inside))


def _as_they_are(probability: Floats) -> Floats:
    return probability
