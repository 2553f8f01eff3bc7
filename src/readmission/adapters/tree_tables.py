"""Evaluates boosted trees by tables instead of by branches: QuickScorer (Lucchese et al. 2015) on enumerable features.

A tree of up to 32 leaves keeps a bit for each leaf, the leftmost first. For each value of each feature, a row of the
table holds, for every tree, the leaves that this value does not exclude. So the AND of an encounter's rows leaves in
each tree a set of leaves, and the leftmost of them is the one that the encounter reaches. A processor predicts the
branches of trees badly; it does this at full speed, and for the trees of several models at once.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np

from readmission.adapters.onnx_trees import TreeEnsemble
from readmission.domain.feature_rows import FIRST_ROWS, POSITIONS, ROW_VALUES, VALUES

LEAVES = 32
ROWS = len(ROW_VALUES)
_ALL = np.uint32(0xFFFFFFFF)
# the exponent of a double shows the position of an integer's highest bit
_EXPONENT, _BIAS = np.uint64(52), 1023


@dataclass(frozen=True, eq=False)
class TreeTables:
    """The tables of one model: ``masks`` is (``ROWS``, trees) uint32, ``weights`` is (trees, ``LEAVES``) float32."""

    masks: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, trees: TreeEnsemble) -> Self | None:
        """The tables of an ensemble; None when a tree has too many leaves for them."""
        count = int(trees.tree[-1]) + 1
        if np.bincount(trees.tree[trees.leaf], minlength=count).max() > LEAVES:
            return None
        weights = np.zeros((count, LEAVES), np.float32)
        kept_if_true, kept_if_false = _kept_leaves(trees, weights)
        masks = np.full((ROWS, count), _ALL, np.uint32)
        for position, values, first in zip(POSITIONS, VALUES, FIRST_ROWS, strict=True):
            of_feature = np.flatnonzero(~trees.leaf & (trees.feature == position))
            for row, value in enumerate(values, first):
                is_true = value <= trees.threshold[of_feature]
                if np.isnan(value):
                    is_true = trees.missing_is_true[of_feature]
                kept = np.where(is_true, kept_if_true[of_feature], kept_if_false[of_feature])
                np.bitwise_and.at(masks[row], trees.tree[of_feature], kept)
        return cls(masks, weights)


class JoinedTables:
    """The tables of one or more models side by side, for one pass. Not safe to share between threads."""

    def __init__(self, tables: Sequence[TreeTables]) -> None:
        self.models = len(tables)
        trees = max(len(table.weights) for table in tables)
        # pairs of models are the real and the imaginary parts of one sum; an odd last one is beside zeros
        pairs = (self.models + 1) // 2
        self._shape = (pairs, trees)
        masks = np.full((ROWS, pairs, trees, 2), _ALL, np.uint32)
        weights = np.zeros((pairs, trees, 2, LEAVES), np.float32)
        for number, table in enumerate(tables):
            masks[:, number // 2, : len(table.weights), number % 2] = table.masks
            weights[number // 2, : len(table.weights), number % 2] = table.weights
        self.masks = masks.reshape(ROWS, -1)
        self._taken = np.empty((len(VALUES), self.masks.shape[1]), np.uint32)
        self._weights = weights.ravel()
        self._last_leaf = np.arange(self.masks.shape[1]) * LEAVES + LEAVES - 1 + _BIAS

    def kept(self, rows: np.ndarray) -> np.ndarray:
        """The leaves, by tree, that none of the values with these ``rows`` excludes."""
        # a buffer of its own: the allocator gives 70 kB back to the system after each call and faults it in again
        taken = self._taken[: len(rows)]
        self.masks.take(rows, 0, taken, "clip")
        return np.bitwise_and.reduce(taken, 0)  # type: ignore[no-any-return]

    def probabilities(self, kept: np.ndarray) -> list[float]:
        """The probability (0 to 1) by model. It sums in float32 in the order of the trees, as ONNX Runtime does."""
        highest_bit = (kept.astype(np.float64).view(np.uint64) >> _EXPONENT).view(np.int64)
        weights = self._weights.take(self._last_leaf - highest_bit)
        sums = np.add.accumulate(weights.view(np.complex64).reshape(self._shape), 1)[:, -1].copy()
        return list(map(logistic, sums.view(np.float32).tolist()[: self.models]))


def _kept_leaves(trees: TreeEnsemble, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By node, the leaves that its tree keeps when the split is true, and when it is false. Fills ``weights``."""
    kept_if_true = np.full(len(trees.tree), _ALL, np.uint32)
    kept_if_false = kept_if_true.copy()
    when_true, when_false, is_leaf = trees.when_true.tolist(), trees.when_false.tolist(), trees.leaf.tolist()
    for tree, root in enumerate(np.unique(trees.tree, return_index=True)[1].tolist()):
        leaves = 0

        def below(node: int, tree: int = tree) -> int:
            """The leaves under a node, as bits."""
            nonlocal leaves
            if is_leaf[node]:
                weights[tree, leaves] = trees.weight[node]
                leaves += 1
                return 1 << (LEAVES - leaves)
            left, right = below(when_true[node]), below(when_false[node])
            kept_if_true[node] = 0xFFFFFFFF & ~right
            kept_if_false[node] = 0xFFFFFFFF & ~left
            return left | right

        below(root)
    return kept_if_true, kept_if_false


def logistic(log_odds: float) -> float:
    """ONNX Runtime's logistic function of a float32, to the last bit: each step is rounded to float32."""
    # double arithmetic that is rounded to float32 after each operation gives what float32 arithmetic gives
    near = _float32(1 / _float32(1 + float32_exp()(-abs(log_odds))).value).value
    return _float32(1 - near).value if log_odds < 0 else near


_float32 = ctypes.c_float


@cache
def float32_exp() -> Callable[[float], float]:
    """The C library's ``expf``."""
    function = ctypes.CDLL("libm.so.6").expf
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return function
