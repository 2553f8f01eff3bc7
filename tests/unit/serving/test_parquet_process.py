"""Hostile Parquet files: each is read or refused within the limits, and the next body is read as ever."""

import io
import os
import signal
from collections.abc import Iterator

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from readmission.errors import InvalidInput, TooLarge, UnreadableInput
from readmission.http_contract import PARQUET
from readmission.serving.batch_encoding import encode_batch
from readmission.serving.batch_formats import read_batch
from readmission.serving.encounter import EXAMPLE
from readmission.serving.parquet import read_table
from readmission.serving.parquet_process import ParquetProcess
from readmission.serving.table_columns import Table

MEMORY_BYTES = 100_000_000
ROWS = 10_000
REFUSED = (InvalidInput, TooLarge)


@pytest.fixture(scope="module")
def shared() -> Iterator[ParquetProcess]:
    found = ParquetProcess(memory_bytes=MEMORY_BYTES, seconds=20)
    yield found
    found.close()


@pytest.fixture
def process(shared: ParquetProcess) -> Iterator[ParquetProcess]:
    """After each test, an ordinary body is read, and no child but one is left."""
    yield shared
    assert shared.read(written(table()), ROWS).rows == 1
    assert len(children()) == 1


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "parquet_process" in " ".join(child.cmdline())]


def table(count: int = 1, **columns: object) -> pa.Table:
    return pa.table({name: pa.array([value] * count) for name, value in EXAMPLE.items()} | columns)


def written(rows: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, **{"store_schema": False} | options)
    return buffer.getvalue()


def varint(number: int) -> bytes:
    """A number as Thrift's compact protocol writes it."""
    left, digits = number << 1, []
    while left > 0x7F:
        digits.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*digits, left])


def told_instead(body: bytes, number: int, lie: int) -> bytes:
    """The body with another number in its footer, written with as many bytes."""
    at = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    true, short = varint(number), varint(lie)
    padded = bytes([*(digit | 0x80 for digit in short), *[0x80] * (len(true) - len(short) - 1), 0])
    assert true in body[at:]
    return body[:at] + body[at:].replace(true, padded if len(short) < len(true) else short)


def peak_bytes() -> int:
    """The most that the child ever held."""
    (child,) = children()
    (line,) = [line for line in open(f"/proc/{child.pid}/status") if line.startswith("VmHWM")]  # noqa: SIM115, PTH123
    return 1024 * int(line.split()[1])


def same(found: Table, expected: Table) -> bool:
    def cells(of: Table) -> dict[str, list[object]]:
        return {name: [column.words[code] for code in column.codes] for name, column in of.cells.items()}

    return (found.rows, cells(found)) == (expected.rows, cells(expected))


def test_a_body_is_read_as_it_is_in_this_process(process):
    body = written(table(3, race=pa.array(["Asian", None, "Other"]), num_medications=pa.array([1, 2, 3])))

    assert same(process.read(body, ROWS), read_table(body, ROWS))


def test_a_column_of_another_type_is_a_problem_of_each_row(process):
    batch = read_batch(written(table(2, race=pa.array([[1], [2]]))), PARQUET, ROWS, process.read)

    assert list(encode_batch(batch)[1]) == [0, 1]


def test_a_refusal_has_the_same_class_and_text_as_in_this_process(process):
    with pytest.raises(UnreadableInput, match="not a readable Parquet file"):
        process.read(b"PAR1", ROWS)
    with pytest.raises(TooLarge, match="more than 2 encounters"):
        process.read(written(table(3)), 2)
    with pytest.raises(InvalidInput, match="unknown columns"):
        process.read(written(table(extra=pa.array([1]))), ROWS)


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip"])
def test_a_page_that_inflates_beyond_what_the_footer_says_is_refused(process, compression):
    body = written(table(diag_1=pa.array(["x" * 300_000_000])), compression=compression, write_statistics=False)
    sizes = pq.read_metadata(io.BytesIO(body)).row_group(0)
    lying = told_instead(body, sizes.total_byte_size, 1000)
    assert pq.read_metadata(io.BytesIO(lying)).row_group(0).total_byte_size == 1000

    with pytest.raises(TooLarge, match="memory"):
        process.read(lying, ROWS)

    assert not children() or peak_bytes() < 3 * MEMORY_BYTES


def test_texts_that_only_repeat_the_one_before_are_refused(process):
    long = table(5000, diag_1=pa.array(["x" * 100_000] * 5000))
    options = {"use_dictionary": False, "column_encoding": {"diag_1": "DELTA_BYTE_ARRAY"}, "write_statistics": False}
    body = written(long, **options)
    assert len(body) < 2_000_000

    with pytest.raises(REFUSED):
        process.read(body, ROWS)


def test_of_one_run_of_very_many_rows_no_more_are_read_than_the_footer_says(process):
    rows = 5_000_000
    constant = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["428"]))
    body = written(pa.table(dict.fromkeys(EXAMPLE, constant)), row_group_size=rows, write_statistics=False)
    assert len(body) < 1_000_000

    assert process.read(told_instead(body, rows, 10), ROWS).rows == 10


def test_of_a_huge_dictionary_only_what_rows_use_is_returned(process):
    texts = pa.array([str(number) for number in range(300_000)])
    body = written(table(diag_1=pa.DictionaryArray.from_arrays(pa.array([250], pa.int32()), texts)))

    assert process.read(body, ROWS).cells["diag_1"].words == ["250"]


def test_deep_nesting_is_a_column_of_another_type_or_refused(process):
    nested = pa.array(["Asian"])
    for _ in range(60):
        nested = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), nested)

    try:
        batch = read_batch(written(table(race=nested)), PARQUET, ROWS, process.read)
    except REFUSED:
        return
    assert list(encode_batch(batch)[1]) == [0]


def test_very_many_columns_are_refused(process):
    wide = pa.table({f"column_{number}": pa.array([1], pa.int8()) for number in range(20_000)})

    with pytest.raises(REFUSED):
        process.read(written(wide), ROWS)


def test_a_row_group_for_each_row_is_read(process):
    assert process.read(written(table(100), row_group_size=1), ROWS).rows == 100


def test_a_file_that_takes_too_long_is_refused_and_the_next_is_read():
    process = ParquetProcess(memory_bytes=MEMORY_BYTES, seconds=3)
    before = {child.pid for child in children()}
    process.read(written(table()), ROWS)
    (child,) = [child for child in children() if child.pid not in before]
    os.kill(child.pid, signal.SIGSTOP)

    with pytest.raises(TooLarge, match="time"):
        process.read(written(table()), ROWS)

    assert process.read(written(table()), ROWS).rows == 1
    process.close()
    assert not child.is_running()


def test_a_child_that_was_killed_is_replaced(process):
    process.read(written(table()), ROWS)
    (child,) = children()
    child.kill()
    child.wait()

    assert process.read(written(table()), ROWS).rows == 1
