"""Reads the parameters of the synthetic cohort and draws values from them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from readmission.domain.schema import COLUMN, READMITTED, Kind

PARAMETERS_FILE = "parameters.json"
MISSING = ""
# number columns are grouped into bands: (width of a band, highest band)
BANDS: dict[str, tuple[int, int]] = {
    "num_lab_procedures": (10, 9),
    "num_medications": (5, 8),
    "number_outpatient": (1, 4),
    "number_emergency": (1, 4),
    "number_inpatient": (1, 6),
    "number_diagnoses": (1, 9),
}

Integers = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Readable = npt.NDArray[np.int64] | npt.NDArray[np.object_]
# a category, code or diagnosis is held as its position in the column's values; a number keeps its value
Columns = dict[str, Integers]


@dataclass(frozen=True)
class Node:
    """One column of the network. Its weights depend on the value of the column ``given``.

    ``bounds``: cumulative weights, with one row for each value of ``given``.
    ``row_of``: the row in ``bounds`` for each position or band of ``given``.
    ``numbers``: the number at each position, for a column of numbers.
    ``kept``: the share of later encounters (0 to 1) that keep the patient's value. When it is None, the value is kept
    together with that of the previous node.
    """

    name: str
    given: str | None
    kept: float | None
    bounds: Integers
    row_of: Integers
    numbers: Integers | None

    def draw(self, drawn: Columns, count: int, random: np.random.Generator) -> Integers:
        """Draw ``count`` values by inverse cumulative weights. ``drawn`` must hold the column ``given``."""
        uniform = random.random(count)
        row = self.row_of[band(self.given, drawn[self.given])] if self.given else np.zeros(count, dtype=np.int64)
        positions = np.empty(count, dtype=np.int32)
        for number, bounds in enumerate(self.bounds):
            chosen = row == number
            ticket = (uniform[chosen] * bounds[-1]).astype(np.int64)
            positions[chosen] = np.searchsorted(bounds, ticket, side="right")
        return positions if self.numbers is None else self.numbers[positions]


@dataclass(frozen=True)
class LogisticModel:
    """A logistic model: the logit is the intercept plus one effect for each column, by position or band."""

    intercept: float
    effects: dict[str, npt.NDArray[np.float64]]

    def logit(self, drawn: Columns) -> npt.NDArray[np.float64]:
        """The log odds of the outcome, ``(n,)`` for ``n`` drawn encounters."""
        total = np.full(len(drawn["age"]), self.intercept)
        for name, effects in self.effects.items():
            total += effects[band(name, drawn[name])]
        return total


@dataclass(frozen=True)
class Network:
    """All parameters of the synthetic cohort.

    ``nodes`` are in the order of drawing. ``comes_back`` is the share of encounters (0 to 1) with a next encounter, by
    position in ``READMITTED``. ``values`` lists the values of each column that is not a number, ``MISSING`` last.
    """

    nodes: tuple[Node, ...]
    number_inpatient_change: Node
    any_readmission: LogisticModel
    within_30_days: LogisticModel
    comes_back: npt.NDArray[np.float64]
    values: dict[str, tuple[str, ...]]

    def readable(self, name: str, column: Integers) -> Readable:
        """Convert a drawn column to the values of the raw file: int64, or objects that are str or None."""
        if name not in self.values:
            return column.astype(np.int64)
        if COLUMN[name].kind is Kind.CODE:
            return np.array(self.values[name][:-1], dtype=np.int64)[column]
        return np.array([*self.values[name][:-1], None], dtype=object)[column]


def band(name: str, values: Integers) -> Integers:
    """The bands of a number column. Other columns are returned unchanged."""
    if name not in BANDS:
        return values
    width, highest = BANDS[name]
    return np.minimum(values // width, highest)


def parameters_digest() -> str:
    """The sha256 of the parameter file. Other parameters give another cohort."""
    return hashlib.sha256(_text().encode()).hexdigest()


@lru_cache(maxsize=1)
def load_network() -> Network:
    """The network of the parameter file, read once per process."""
    return parse_network(json.loads(_text()))


def parse_network(figures: Mapping[str, Any]) -> Network:
    """Build the network from parameters as ``fit.fit`` returns them."""
    items = figures["network"]
    values = {item["name"]: _values(item["name"], item["table"]) for item in items if not _is_number(item["name"])}
    values |= {name: (*map(str, COLUMN[name].values), MISSING) for name in ("change_medication", "diabetesMed")}
    values["readmitted"] = (*READMITTED, MISSING)
    return Network(
        nodes=tuple(_node(item, values) for item in items),
        number_inpatient_change=_node(figures["number_inpatient_change"], values),
        any_readmission=_model(figures["outcome"]["any"], values),
        within_30_days=_model(figures["outcome"]["within_30_days"], values),
        comes_back=np.array([figures["comes_back"][outcome] for outcome in READMITTED]),
        values=values,
    )


def _text() -> str:
    return files("readmission.synthetic").joinpath(PARAMETERS_FILE).read_text(encoding="utf-8")


def _is_number(name: str) -> bool:
    return name == "number_inpatient_change" or (name in COLUMN and COLUMN[name].kind is Kind.NUMBER)


def _values(name: str, table: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
    """The values of a column by position. The last one is ``MISSING``."""
    if name in COLUMN and COLUMN[name].values:
        return (*map(str, COLUMN[name].values), MISSING)
    return (*sorted({value for row in table.values() for value in row} - {MISSING}), MISSING)


def _node(item: Mapping[str, Any], values: Mapping[str, tuple[str, ...]]) -> Node:
    name, given, table = item["name"], item["given"], item["table"]
    numbers = sorted({int(value) for row in table.values() for value in row}) if _is_number(name) else None
    labels = tuple(map(str, numbers)) if numbers is not None else values[name]
    weights = np.array([[row.get(label, 0) for label in labels] for row in table.values()], dtype=np.int64)
    return Node(
        name=name,
        given=given,
        kept=item["kept"],
        bounds=np.cumsum(weights, axis=1),
        row_of=_by_key(given, {label: row for row, label in enumerate(table)}, values).astype(np.int64),
        numbers=None if numbers is None else np.array(numbers, dtype=np.int32),
    )


def _model(item: Mapping[str, Any], values: Mapping[str, tuple[str, ...]]) -> LogisticModel:
    return LogisticModel(
        item["intercept"], {name: _by_key(name, effects, values) for name, effects in item["effects"].items()}
    )


def _by_key(
    name: str | None, by_label: Mapping[str, float], values: Mapping[str, tuple[str, ...]]
) -> npt.NDArray[np.float64]:
    """The entry of ``by_label`` for each position or band of a column, 0 where there is none."""
    if name is None:
        return np.zeros(1)
    labels = values[name] if name in values else [str(number) for number in range(max(map(int, by_label)) + 1)]
    return np.array([by_label.get(label, 0.0) for label in labels], dtype=np.float64)
