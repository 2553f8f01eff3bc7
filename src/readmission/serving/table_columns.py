"""What CSV and Parquet share: from a table's header to features, from its cells to the values that JSON would have."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from readmission.domain.schema import COLUMNS, FEATURE_NAMES, FEATURES, INTEGER_KINDS, NAME_OF_RAW, Column
from readmission.errors import InvalidInput, TooLarge
from readmission.serving.encounter import SHOWN_NAME

IGNORED_COLUMNS = frozenset(column.name for column in COLUMNS if not column.feature)
KNOWN_FEATURES = frozenset(FEATURE_NAMES)
REQUIRED = tuple(column.name for column in FEATURES if column.required)
# stands for a cell that is no text, number or truth value
NOT_SCALAR = object()
SHOWN_COLUMNS = 20


class Cells(NamedTuple):
    """A column by its distinct ``words``; ``codes`` has the position in ``words`` of each row's cell."""

    words: list[Any]
    codes: np.ndarray


class Table(NamedTuple):
    """``cells``: those of each feature that the table has."""

    rows: int
    cells: dict[str, Cells]


def coded(values: list[Any]) -> Cells:
    """A column of hashable values. 1, 1.0 and True are different words."""
    # they are the same dictionary key: in a column of mixed types, the key includes the type
    if len(set(map(type, values)) - {type(None)}) < 2:
        return coded_keys(values)
    words, codes = coded_keys([(value.__class__, value) for value in values])
    return Cells([word for _, word in words], codes)


def coded_keys(values: Sequence[Any]) -> Cells:
    """As :func:`coded`, for values of one type."""
    number = {key: position for position, key in enumerate(dict.fromkeys(values))}
    return Cells(list(number), np.fromiter(map(number.__getitem__, values), np.int32, len(values)))


def check_row_count(rows: int, max_rows: int) -> None:
    """Raises :class:`TooLarge`."""
    if rows > max_rows:
        raise TooLarge(f"the batch has more than {max_rows} encounters")


def feature_columns(names: Collection[str]) -> dict[str, int]:
    """The position of each feature in a table's header, under either spelling.

    Columns of the raw contract that no model uses are passed over. Raises :class:`InvalidInput` naming the columns that
    are unknown, repeated or missing; an unnamed table is not quoted, its first line may be a patient's.
    """
    known = [NAME_OF_RAW.get(name, name) for name in names]
    positions = {name: position for position, name in enumerate(known) if name in KNOWN_FEATURES}
    if not positions:
        raise InvalidInput("no column of an encounter found: the first line must name them, separated by commas")
    unknown = [name for name in known if name not in positions and name not in IGNORED_COLUMNS]
    if unknown:
        raise InvalidInput(f"unknown columns: {_shown(unknown)}")
    repeated = sorted(name for name, times in Counter(known).items() if times > 1)
    if repeated:
        raise InvalidInput(f"columns given more than once: {_shown(repeated)}")
    if missing := [name for name in REQUIRED if name not in positions]:
        raise InvalidInput(f"missing columns: {_shown(missing)}")
    return positions


def table_value(column: Column, value: Any) -> Any:
    """A cell as JSON would have it: empty and ``?`` are unknown, ``3`` and ``3.0`` the integer 3 where one is expected.

    A whole number in the form of a float is what pandas writes for an integer column with gaps.
    """
    if value is None or value in ("", "?") or value != value:
        return None
    if column.kind not in INTEGER_KINDS or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, str):
        digits = value.removesuffix(".0").removeprefix("-")
        return int(value.removesuffix(".0")) if digits.isascii() and digits.isdigit() and len(digits) < 16 else value
    return value


def convert_cells(column: Column, cells: Cells) -> Cells:
    """Each cell by :func:`table_value`."""
    return Cells([table_value(column, word) for word in cells.words], cells.codes)


def _shown(names: list[str]) -> str:
    shown = ", ".join(f'"{name[:SHOWN_NAME]}"' for name in names[:SHOWN_COLUMNS])
    return shown if len(names) <= SHOWN_COLUMNS else f"{shown} and {len(names) - SHOWN_COLUMNS} more"
