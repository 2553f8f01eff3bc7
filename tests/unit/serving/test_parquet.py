import contextlib
import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from readmission.domain.schema import FEATURE_NAMES, NAME_OF_RAW, RAW_NAMES
from readmission.errors import InvalidInput, TooLarge, UnreadableInput
from readmission.http_contract import PARQUET
from readmission.serving import parquet
from readmission.serving.batch_encoding import encode_batch
from readmission.serving.batch_formats import Batch, read_batch
from readmission.serving.encounter import EXAMPLE
from readmission.serving.parquet import read_table


def values(batch: Batch, name: str) -> list[object]:
    return [batch.value(name, row) for row in range(batch.rows)]


def written(table: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def read(rows: list[dict[str, object]] | pa.Table, max_rows: int = 10, **options: object) -> Batch:
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
    return read_batch(written(table, **options), PARQUET, max_rows, read_table)


def test_rows_become_columns_and_null_is_unknown():
    batch = read([EXAMPLE, EXAMPLE | {"race": None, "age": "[0-10)"}])

    assert batch.rows == 2
    assert values(batch, "age") == ["[70-80)", "[0-10)"]
    assert values(batch, "race") == ["Caucasian", None]


def test_the_data_sets_own_columns_are_read_and_those_of_no_model_passed_over():
    by_name = (
        dict.fromkeys(NAME_OF_RAW.values())
        | EXAMPLE
        | {"change_medication": "Ch", "readmitted": "NO", "encounter_id": 1}
    )
    raw = {raw: by_name[NAME_OF_RAW[raw]] for raw in RAW_NAMES}

    batch = read([raw])

    assert set(batch.cells) == set(FEATURE_NAMES)
    assert values(batch, "change_medication") == ["Ch"]


def test_what_pandas_writes_for_integers_with_gaps_is_read():
    frame = pd.DataFrame([EXAMPLE, EXAMPLE])
    frame["admission_type_id"] = [1.0, None]
    frame["race"] = pd.Categorical(["Asian", None])

    batch = read(pa.Table.from_pandas(frame, preserve_index=False))

    assert values(batch, "admission_type_id") == [1, None]
    assert values(batch, "race") == ["Asian", None]
    assert encode_batch(batch)[1] == {}


def test_several_row_groups_keep_their_order():
    rows = [EXAMPLE | {"diag_1": str(number)} for number in range(1, 8)]

    assert values(read(rows, row_group_size=2), "diag_1") == list("1234567")


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([[1]]),
        pa.array([{"a": 1}]),
        pa.array([b"x"]),
        pa.array([pd.Timestamp("2026-01-01")]),
        pa.array([True]),
        pa.array([7]),
    ],
    ids=lambda cells: str(cells.type),
)
def test_a_column_of_another_type_is_a_problem_of_each_row(cells):
    table = pa.Table.from_pylist([EXAMPLE])
    table = table.set_column(table.schema.get_field_index("race"), "race", cells)

    _, problems = encode_batch(read(table))

    assert [problem["field"] for problem in problems[0]] == ["race"]


def test_too_many_rows_are_refused_before_they_are_read():
    with pytest.raises(TooLarge):
        read([EXAMPLE] * 11)


def test_a_file_that_grows_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(parquet, "MAX_UNCOMPRESSED_BYTES", 1_000_000)
    rows = [EXAMPLE | {"diag_1": "x" * 500_000, "diag_2": "y" * 600_000}]
    body = written(pa.Table.from_pylist(rows), compression="zstd")
    assert len(body) < 50_000

    with pytest.raises(TooLarge, match="uncompressed"):
        read_batch(body, PARQUET, 10, read_table)


def test_one_long_text_in_every_row_is_held_once():
    table = pa.Table.from_pylist([EXAMPLE] * 10_000)
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), pa.array(["x" * 1_000_000]))
    table = table.set_column(table.schema.get_field_index("diag_1"), "diag_1", long)

    batch = read(table, max_rows=10_000, compression="zstd", store_schema=False)

    assert len({id(value) for value in values(batch, "diag_1")}) == 1


def test_a_damaged_file_is_unreadable():
    body = written(pa.Table.from_pylist([EXAMPLE]))

    for damaged in (b"", body[:100], body[:-20], body[50:]):
        with pytest.raises(UnreadableInput):
            read_batch(damaged, PARQUET, 10, read_table)


def test_no_flipped_byte_gets_past_as_something_else_than_a_refusal():
    body = written(pa.Table.from_pylist([EXAMPLE]), compression="none")

    for position in range(4, len(body), 97):
        flipped = bytearray(body)
        flipped[position] ^= 0xFF
        with contextlib.suppress(InvalidInput, TooLarge):
            batch = read_batch(bytes(flipped), PARQUET, 10, read_table)
            assert len(encode_batch(batch)[0]) == batch.rows, position


def test_no_rows_are_an_empty_batch():
    with pytest.raises(InvalidInput, match="empty"):
        read(pa.Table.from_pylist([EXAMPLE]).slice(0, 0))


def test_columns_given_twice_are_named():
    table = pa.Table.from_pylist([EXAMPLE]).append_column("age", pa.array(["[0-10)"]))

    with pytest.raises(InvalidInput, match="more than once"):
        read(table)
