"""Many encounters in one body (JSON, CSV or Parquet) to columns of values, in the caller's order."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from readmission.domain.schema import COLUMN, COLUMNS, FEATURE_NAMES, FEATURES, INTEGER_KINDS, NAME_OF_RAW, Column
from readmission.errors import InvalidInput, TooLarge
from readmission.serving.encounter import SHOWN_NAME, FieldProblem, unknown_field
from readmission.serving.errors import UnreadableInput
from readmission.serving.request_body import CSV, JSON, PARQUET

FEATURE_SPELLINGS = frozenset(FEATURE_NAMES) | {raw for raw, name in NAME_OF_RAW.items() if COLUMN[name].feature}
IGNORED_COLUMNS = frozenset(column.name for column in COLUMNS if not column.feature)
REQUIRED = tuple(column.name for column in FEATURES if column.required)
SCALARS = frozenset({str, int, float, bool, type(None)})
NOT_SCALAR = object()
SHOWN_COLUMNS = 20


@dataclass(frozen=True)
class Batch:
    """``values``: by feature, its value in every row (None: unknown); ``problems``: by row, what is wrong already."""

    rows: int
    values: dict[str, list[Any]]
    problems: dict[int, list[FieldProblem]] = field(default_factory=dict)


def read_batch(body: bytes, media_type: str, max_rows: int) -> Batch:
    """The rows of a body; raises :class:`UnreadableInput`, :class:`InvalidInput` or :class:`TooLarge`."""
    readers: dict[str, Callable[[bytes, int], Batch]] = {JSON: _read_json, CSV: _read_csv, PARQUET: _read_parquet}
    batch = readers[media_type](body, max_rows)
    if not batch.rows:
        raise InvalidInput("the batch is empty: send at least one encounter")
    return batch


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
    positions = {name: position for position, name in enumerate(known) if name in _FEATURE_NAMES}
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


def convert_column(column: Column, cells: list[Any]) -> list[Any]:
    """Each cell by :func:`table_value`, computed once for each distinct one."""
    converted = {cell: table_value(column, cell) for cell in set(cells)}
    return list(map(converted.__getitem__, cells))


def _read_json(body: bytes, max_rows: int) -> Batch:
    try:
        rows = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise UnreadableInput(f"Invalid JSON: {error}") from None
    if not isinstance(rows, list):
        raise InvalidInput("the body must be a JSON list of encounters")
    check_row_count(len(rows), max_rows)
    # the fast parser keeps the last of repeated names; then there are more colons than names
    if body.count(b":") != sum(len(row) for row in rows if isinstance(row, dict)):
        rows = json.loads(body, object_pairs_hook=_object)
    problems: dict[int, list[FieldProblem]] = {}
    encounters = [_encounter(row, index, problems) for index, row in enumerate(rows)]
    values = {name: [_scalar(encounter.get(name)) for encounter in encounters] for name in FEATURE_NAMES}
    return Batch(len(rows), values, problems)


class _Repeated(dict[str, Any]):
    """An object that gave a name more than once."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _Repeated(members)


def _encounter(row: object, index: int, problems: dict[int, list[FieldProblem]]) -> Mapping[str, Any]:
    """The row by feature name; empty when its form alone is a problem."""
    if not isinstance(row, dict):
        problems[index] = [FieldProblem(field="", message="must be an object", allowed={"type": "object"})]
        return {}
    if isinstance(row, _Repeated):
        problems[index] = [FieldProblem(field="", message="gives a field more than once", allowed={"type": "object"})]
    if row.keys() <= _FEATURE_NAMES:
        return row
    encounter = {str(NAME_OF_RAW.get(name, name)): value for name, value in row.items()}
    unknown = [name for name in row if name not in FEATURE_SPELLINGS]
    twice = [name for name in row if NAME_OF_RAW.get(name, name) != name and NAME_OF_RAW[name] in row]
    if unknown or twice:
        # a body of nothing but nonsense must not become an answer of hundreds of megabytes
        problems[index] = [unknown_field(name) for name in (*unknown, *twice)[:SHOWN_COLUMNS]]
    return encounter


def _scalar(value: Any) -> Any:
    return value if value.__class__ in SCALARS else NOT_SCALAR


def _read_csv(body: bytes, max_rows: int) -> Batch:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableInput("the CSV is not in UTF-8") from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines, [])
        positions = feature_columns(header)
        rows = _csv_rows(lines, max_rows)
    except csv.Error as error:
        raise UnreadableInput(f"the CSV cannot be read, line {lines.line_num}: {error}") from None
    return _batch_of_lines(rows, len(header), positions)


def _csv_rows(lines: Any, max_rows: int) -> list[list[str]]:
    rows = []
    for line in lines:
        if line:
            rows.append(line)
            check_row_count(len(rows), max_rows)
    return rows


def _batch_of_lines(rows: list[list[str]], width: int, positions: dict[str, int]) -> Batch:
    problems = {
        index: [FieldProblem(field="", message=f"has {len(row)} cells, not {width}", allowed={"maxItems": width})]
        for index, row in enumerate(rows)
        if len(row) != width
    }
    whole = [row if len(row) == width else [""] * width for row in rows]
    cells = list(zip(*whole, strict=True))
    values = {
        column.name: convert_column(column, list(cells[positions[column.name]]))
        if rows and column.name in positions
        else [None] * len(rows)
        for column in FEATURES
    }
    return Batch(len(rows), values, problems)


def _read_parquet(body: bytes, max_rows: int) -> Batch:
    # pyarrow costs 50 MB and a second of start: only who gets Parquet pays
    from readmission.serving.parquet import read_table

    rows, cells = read_table(body, max_rows)
    values = {
        column.name: convert_column(column, cells[column.name]) if column.name in cells else [None] * rows
        for column in FEATURES
    }
    return Batch(rows, values)


def _shown(names: list[str]) -> str:
    shown = ", ".join(f'"{name[:SHOWN_NAME]}"' for name in names[:SHOWN_COLUMNS])
    return shown if len(names) <= SHOWN_COLUMNS else f"{shown} and {len(names) - SHOWN_COLUMNS} more"


_FEATURE_NAMES = frozenset(FEATURE_NAMES)
