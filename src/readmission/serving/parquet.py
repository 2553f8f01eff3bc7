"""A Parquet body to coded columns. The memory that a hostile file takes is held by ``parquet_process``, not here."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as types

from readmission.domain.schema import NAME_OF_RAW
from readmission.errors import InvalidInput, TooLarge, UnreadableInput
from readmission.serving.table_columns import NOT_SCALAR, Cells, Table, check_row_count, coded, feature_columns

MAX_UNCOMPRESSED_BYTES = 100_000_000


def read_table(body: bytes, max_rows: int) -> Table:
    """The features of a table; a cell that is no text, number or truth value is ``NOT_SCALAR``.

    What the file says of its size is checked before anything is decompressed. Raises as ``read_batch`` does.
    """
    try:
        metadata = pq.read_metadata(pa.BufferReader(body))
        check_row_count(metadata.num_rows, max_rows)
        _check_uncompressed_size(metadata)
        return _read(body, metadata.schema.to_arrow_schema(), max_rows)
    except MemoryError:
        raise TooLarge("the Parquet file takes too much memory to read") from None
    except (pa.ArrowException, OSError, ValueError):
        # from None: the reader's text may quote the file
        raise UnreadableInput("the body is not a readable Parquet file") from None


def warm_up() -> None:
    """Take what reading takes once: threads with their stacks, and tables of the library. Later reads take less."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table({"column": ["text"], "number": [1]}), buffer)
    column = pq.ParquetFile(pa.BufferReader(buffer.getvalue()), read_dictionary=["column"]).read(use_threads=False)
    _cells(column["column"])
    _cells(column["number"])


def _check_uncompressed_size(metadata: Any) -> None:
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    if sum(group.total_byte_size for group in groups) > MAX_UNCOMPRESSED_BYTES:
        raise TooLarge(f"the Parquet file holds more than {MAX_UNCOMPRESSED_BYTES} bytes uncompressed")


def _read(body: bytes, schema: pa.Schema, max_rows: int) -> Table:
    positions = feature_columns(schema.names)
    texts = [field.name for field in schema if _is_text(field.type)]
    # as dictionaries: one long text in every row is kept once, not once for each row
    file = pq.ParquetFile(pa.BufferReader(body), read_dictionary=texts)
    names = [schema.names[position] for position in positions.values() if _is_readable(schema.field(position).type)]
    table = file.read(columns=names, use_threads=False)
    rows = table.num_rows if names else file.metadata.num_rows
    check_row_count(rows, max_rows)
    if any(len(table[name]) != rows for name in names):
        raise InvalidInput("the columns of the Parquet file have different lengths")
    strange = Cells([NOT_SCALAR], np.zeros(rows, np.int32))
    cells = dict.fromkeys(positions, strange)
    return Table(rows, cells | {NAME_OF_RAW.get(name, name): _cells(table[name]) for name in names})


def _cells(column: pa.ChunkedArray) -> Cells:
    if not types.is_dictionary(column.type):
        if types.is_floating(column.type) or types.is_null(column.type):
            return coded(column.to_pylist())
        column = column.dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    words = whole.dictionary
    codes = whole.indices.cast(pa.int32()).fill_null(len(words)).to_numpy()
    if len(codes) and not 0 <= codes.min() <= codes.max() < len(words) + (whole.null_count > 0):
        raise UnreadableInput("the body is not a readable Parquet file")
    if len(words) > len(codes):
        # a dictionary may have any number of texts that no row uses
        used, codes = np.unique(codes, return_inverse=True)
        return Cells(words.take(pa.array(used, mask=used == len(words))).to_pylist(), codes)
    return Cells(words.to_pylist() + [None] * (whole.null_count > 0), codes)


def _is_text(kind: pa.DataType) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_readable(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind):
        return _is_readable(kind.value_type)
    plain = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind)
    return bool(plain or _is_text(kind))
