"""Converts Arrow rows to strict JSON, column by column: 15,000 rows take a fraction of a second."""

import gzip
import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

# how many rows are in memory as JSON at a time; each has about 1 KB
_CHUNK_ROWS = 1_000


def write_batch(file: gzip.GzipFile, head: Mapping[str, object], rows: pa.Table) -> None:
    """Write ``{**head, "data": [one object per row]}``.

    Integers become numbers, text becomes strings, and missing values become null.
    """
    file.write(json.dumps(dict(head), allow_nan=False)[:-1].encode() + b', "data": [')
    for start in range(0, rows.num_rows, _CHUNK_ROWS):
        objects = _objects(rows.slice(start, _CHUNK_ROWS).combine_chunks())
        file.write((",\n" if start else "").encode() + ",\n".join(objects.to_pylist()).encode())
    file.write(b"]}\n")


def _objects(rows: pa.Table) -> pa.Array:
    members = [_members(json.dumps(name), rows[name].combine_chunks()) for name in rows.column_names]
    joined = pc.binary_join_element_wise(*members, ",")
    return pc.binary_join_element_wise("{", joined, "}", "")


def _members(name: str, values: pa.Array) -> pa.Array:
    """``"name":value`` for each row. Each distinct text is escaped only once."""
    if pa.types.is_integer(values.type):
        texts = pc.fill_null(values.cast(pa.string()), "null")
        return pc.binary_join_element_wise(name, texts, ":")
    encoded = values.dictionary_encode(null_encoding="encode")
    distinct = pa.array([f"{name}:{json.dumps(value)}" for value in encoded.dictionary.to_pylist()], pa.string())
    return distinct.take(encoded.indices)
