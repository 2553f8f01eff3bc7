"""Many encounters in one body (JSON, CSV or Parquet) to columns of values, in the caller's order."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from readmission.domain.schema import COLUMN, FEATURE_NAMES, FEATURES, NAME_OF_RAW
from readmission.errors import InvalidInput, UnreadableInput
from readmission.http_contract import CSV, JSON, PARQUET
from readmission.serving.encounter import FieldProblem, unknown_field, whole_number
from readmission.serving.table_columns import (
    KNOWN_FEATURES,
    NOT_SCALAR,
    SHOWN_COLUMNS,
    check_row_count,
    convert_column,
    feature_columns,
)

FEATURE_SPELLINGS = frozenset(FEATURE_NAMES) | {raw for raw, name in NAME_OF_RAW.items() if COLUMN[name].feature}
AS_SENT = frozenset({str, int, bool, type(None)})


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
    if row.keys() <= KNOWN_FEATURES:
        return row
    encounter = {str(NAME_OF_RAW.get(name, name)): value for name, value in row.items()}
    unknown = [name for name in row if name not in FEATURE_SPELLINGS]
    twice = [name for name in row if NAME_OF_RAW.get(name, name) != name and NAME_OF_RAW[name] in row]
    if unknown or twice:
        # a body of nothing but nonsense must not become an answer of hundreds of megabytes
        problems[index] = [unknown_field(name) for name in (*unknown, *twice)[:SHOWN_COLUMNS]]
    return encounter


def _scalar(value: Any) -> Any:
    if value.__class__ in AS_SENT:
        return value
    return whole_number(value) if value.__class__ is float else NOT_SCALAR


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
