"""Shapley values by antithetic permutations, with the interventional expectation over a background.

The game: players are sets of features. A coalition's value is the model's answer for the patient's values of the
coalition's features and a background encounter's values of all others, averaged over the background. Sources: Shapley
1953; Strumbelj and Kononenko 2014, doi 10.1007/s10115-013-0679-x (permutations); Mitchell et al. 2022, JMLR 23(43)
(antithetic pairs); Janzing et al. 2020, arXiv 1910.13413 (interventional).

The average over the background is a sum of games, one for each background encounter. Each has permutations of its own,
which costs no more rows than one permutation for all and has a much smaller error. A player whose values are the same
in both encounters changes nothing, so it has the value 0 in that game and takes no row of the model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# for each background encounter: 2 x 4 permutations. bench/explanation.py shows the error and the time of other numbers.
PAIRS = 4
SEED = 0

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Predict = Callable[[np.ndarray], np.ndarray]
# probabilities to the values of a game, both of the same shape
Game = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Attribution:
    """The values of one game: ``base`` is the background's mean, ``total`` the patient's value.

    ``contributions`` of ``(players,)`` add up to ``total - base``.
    """

    base: float
    total: float
    contributions: Floats


def attribute(
    predict: Predict,
    row: np.ndarray,
    background: np.ndarray,
    players: Integers,
    games: Sequence[Game],
    *,
    pairs: int = PAIRS,
    seed: int = SEED,
) -> list[Attribution]:
    """Explain one encoded encounter in several games, which share the evaluations of the model.

    ``predict``: ``(n, features)`` float32 to ``(n,)`` probabilities. ``row``: ``(features,)``; ``background``:
    ``(encounters, features)``; NaN equals NaN. ``players``: the number of each feature's player, from 0. ``pairs``:
    pairs of a permutation and its reverse, for each background encounter. The same arguments give the same answer.
    """
    active = _active(row, background, players)
    ranks = _ranks(active, pairs, seed)
    permutation, encounter, size = _coalitions(ranks, active)
    switched = ranks[permutation, encounter] < size[:, None]
    hybrids = np.where(switched[:, players], row, background[encounter])
    # the patient is predicted alone, as for the answer that is explained
    patient = np.float64(predict(row[None])[0])
    answers = predict(np.concatenate([background, hybrids])).astype(np.float64)
    path = np.full((*ranks.shape[:2], ranks.shape[2] + 1), patient)
    path[:, :, 0] = answers[: len(background)]
    path[permutation, encounter, size] = answers[len(background) :]
    return [_attribution(game(path), ranks) for game in games]


def _active(row: np.ndarray, background: np.ndarray, players: Integers) -> Bools:
    """Which players have other values in the patient, for each background encounter: ``(encounters, players)``."""
    differs = ~((background == row) | (np.isnan(background) & np.isnan(row)))
    return np.column_stack([differs[:, players == player].any(axis=1) for player in range(players.max() + 1)])


def _ranks(active: Bools, pairs: int, seed: int) -> Integers:
    """Each player's place in each permutation, ``(2 * pairs, encounters, players)``; those not active come last."""
    keys = np.random.default_rng(seed).random((pairs, *active.shape))
    ranks = np.where(active, keys, 2.0).argsort(axis=2, kind="stable").argsort(axis=2)
    reverse = np.where(active, active.sum(axis=1, keepdims=True) - 1 - ranks, ranks)
    return np.concatenate([ranks, reverse])


def _coalitions(ranks: Integers, active: Bools) -> tuple[Integers, Integers, Integers]:
    """Permutation, background encounter and size of each coalition on the way from no player to all active ones."""
    permutations, encounters, players = ranks.shape
    sizes = np.arange(1, players)
    needed = sizes < active.sum(axis=1, keepdims=True)
    permutation, encounter, position = np.nonzero(np.broadcast_to(needed, (permutations, encounters, players - 1)))
    return permutation, encounter, sizes[position]


def _attribution(path: Floats, ranks: Integers) -> Attribution:
    """``path``: the values of the growing coalitions, ``(permutations, encounters, players + 1)``."""
    steps = np.diff(path, axis=2)
    contributions = np.take_along_axis(steps, ranks, axis=2).mean(axis=(0, 1))
    return Attribution(float(path[0, :, 0].mean()), float(path[0, 0, -1]), contributions)
