"""Evaluates the tables of ``tree_tables`` for many encounters at a time, in arrays that stay in the processor's cache.

Two thirds of the work would be the AND of an encounter's rows. So features are grouped, and each combination of a
group's values that the batch has is computed once: about a dozen rows are left of forty-four.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from readmission.adapters.tree_tables import LEAVES, TreeTables, float32_exp
from readmission.domain.feature_rows import FIRST_ROWS, MEDICATION, SINGLE, VALUES

# encounters at a time: their buffers and the tables share the second-level cache
_CHUNK = 64
# a bound on the combinations of a group, and so on the memory of its table
_COMBINATIONS = 512
_EXPONENT, _BIAS = 52, 1023


class BatchTables:
    """The tables of one or more models side by side. Threads may share it."""

    def __init__(self, tables: Sequence[TreeTables]) -> None:
        self._masks = np.concatenate([table.masks for table in tables], axis=1)
        self._weights = np.concatenate([table.weights for table in tables]).ravel()
        self._last_leaf = np.arange(self._masks.shape[1]) * LEAVES + LEAVES - 1 + _BIAS
        self._ends = np.cumsum([len(table.weights) for table in tables]).tolist()

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """The probabilities (0 to 1) of ``(n, len(FIELDS))`` row numbers: ``(models, n)`` float32.

        To the last bit what the model files give: sums in float32 in the order of the trees, as in ONNX Runtime.
        """
        groups = [self._group(rows[:, fields], _key(rows, fields)) for fields in _GROUPS]
        groups.append(self._group(rows[:, _DRUGS], np.unique(_key(rows, _DRUGS), return_inverse=True)[1]))
        sums = np.empty((len(self._ends), len(rows)), np.float32)
        buffers = [np.empty((_CHUNK, self._masks.shape[1]), kind) for kind in (np.uint32, np.uint32, np.float64)]
        for begin in range(0, len(rows), _CHUNK):
            chunk = slice(begin, min(begin + _CHUNK, len(rows)))
            count = chunk.stop - begin
            self._sum(groups, chunk, [buffer[:count] for buffer in buffers], sums[:, chunk])
        return _logistic(sums)

    def _group(self, rows: np.ndarray, key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The leaves that each combination keeps, and by encounter the position of its combination."""
        encounter_of = np.full(int(key.max()) + 1, -1)
        encounter_of[key] = np.arange(len(key))
        used = np.flatnonzero(encounter_of >= 0)
        position = np.zeros(len(encounter_of), np.int64)
        position[used] = np.arange(len(used))
        combinations = rows[encounter_of[used]]
        table = self._masks.take(combinations[:, 0], 0)
        for column in combinations.T[1:]:
            table &= self._masks.take(column, 0)
        return table, position[key]

    def _sum(
        self, groups: list[tuple[np.ndarray, np.ndarray]], chunk: slice, buffers: list[np.ndarray], sums: np.ndarray
    ) -> None:
        kept, taken, doubles = buffers
        (table, position), *others = groups
        table.take(position[chunk], 0, kept, "clip")
        for table, position in others:
            table.take(position[chunk], 0, taken, "clip")
            kept &= taken
        # the exponent of a double shows the position of an integer's highest bit
        doubles[:] = kept
        leaf = doubles.view(np.int64)
        leaf >>= _EXPONENT
        np.subtract(self._last_leaf, leaf, out=leaf)
        weights = np.ascontiguousarray(self._weights.take(leaf, 0, taken.view(np.float32), "clip").T)
        for model, (begin, end) in enumerate(zip([0, *self._ends], self._ends, strict=False)):
            sums[model] = _in_order(weights[begin:end])


def _in_order(weights: np.ndarray) -> np.ndarray:
    """The sums of ``(trees, n)`` weights by encounter, one tree after the other."""
    # of a single column, numpy's reduce adds pairs first, which rounds differently
    single = weights.shape[1] == 1
    return np.add.accumulate(weights, 0)[-1] if single else np.add.reduce(weights, 0)  # type: ignore[no-any-return]


def _logistic(log_odds: np.ndarray) -> np.ndarray:
    """As ``tree_tables.logistic``, for many: numpy's float32 arithmetic rounds each step in the same way."""
    powers = np.array(list(map(float32_exp(), (-np.abs(log_odds)).ravel().tolist())), np.float32)
    one = np.float32(1)
    near = one / (one + powers.reshape(log_odds.shape))
    return np.where(log_odds < 0, one - near, near)


def _key(rows: np.ndarray, fields: list[int]) -> np.ndarray:
    """A number for each combination of values."""
    key = np.zeros(len(rows), np.int64)
    for field in fields:
        key = key * len(VALUES[field]) + rows[:, field] - FIRST_ROWS[field]
    return key


def _grouped() -> Iterator[list[int]]:
    """The fields of ``SINGLE`` in groups of at most ``_COMBINATIONS`` combinations, the largest fields first."""
    left = sorted(range(len(SINGLE)), key=lambda field: -len(VALUES[field]))
    while left:
        group: list[int] = []
        combinations = 1
        for field in list(left):
            if not group or combinations * len(VALUES[field]) <= _COMBINATIONS:
                group.append(field)
                left.remove(field)
                combinations *= len(VALUES[field])
        yield group


_GROUPS = list(_grouped())
_DRUGS = list(range(len(SINGLE), len(SINGLE) + len(MEDICATION)))
