"""Arrow rows as strict JSON."""

import gzip
import io
import json

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from readmission.data_api.json_rows import write_batch

ROWS = st.lists(st.tuples(st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.text()), max_size=30)


def _written(head, rows):
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb") as zipped:
        write_batch(zipped, head, rows)
    return gzip.decompress(file.getvalue())


@settings(derandomize=True, deadline=None)
@given(ROWS)
def test_any_number_and_text_comes_back_as_it_was(pairs):
    numbers, texts = [number for number, _ in pairs], [text for _, text in pairs]
    rows = pa.table({'a "name"': pa.array(numbers, pa.int64()), "text": pa.array(texts, pa.string())})

    document = json.loads(_written({"rows": len(pairs)}, rows))

    assert document == {"rows": len(pairs), "data": rows.to_pylist()}


def test_rows_beyond_one_piece_are_all_there():
    rows = pa.table({"number": pa.array(range(5_001), pa.int64())})

    document = json.loads(_written({"batch_number": 1}, rows))

    assert [row["number"] for row in document["data"]] == list(range(5_001))
