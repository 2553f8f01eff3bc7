"""Cutting a source into batches, and keeping them on disk."""

import gzip
import hashlib
import io
import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from readmission.data_api.batches import BatchStore, Source
from readmission.domain.schema import RAW_NAMES


def _read(body):
    return pyarrow.parquet.read_table(pa.BufferReader(body))


def _json(body):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(gzip.decompress(body), parse_constant=refuse)


def _unread():
    raise AssertionError("the source was read again")


def test_the_batches_are_the_rows_in_file_order(store, encounters):
    tables = [_read(store.parquet(batch.batch_number)) for batch in store.batches]

    assert [table.num_rows for table in tables] == [100, 100, 50]
    assert pa.concat_tables(tables).to_pylist() == encounters.to_pylist()


def test_a_batch_is_named_by_the_sha256_of_its_parquet_body(store):
    digests = [hashlib.sha256(store.parquet(batch.batch_number)).hexdigest() for batch in store.batches]

    assert digests == [batch.sha256 for batch in store.batches]


def test_cutting_again_elsewhere_gives_the_same_bytes(source, store, tmp_path):
    again = BatchStore.prepare(source, 100, tmp_path / "elsewhere")

    assert again.batches == store.batches


def test_a_restart_does_not_read_the_source_again(store, tmp_path):
    again = BatchStore.prepare(Source("file", "a digest", _unread), 100, tmp_path)

    assert again.batches == store.batches


@pytest.mark.parametrize("damage", [b"", b"PAR1 half a fi"])
def test_damaged_batches_are_cut_again(source, store, tmp_path, damage):
    body = store.parquet(2)
    next(tmp_path.glob("batches/*/batch-00002.parquet")).write_bytes(damage)

    again = BatchStore.prepare(source, 100, tmp_path)

    assert again.parquet(2) == body


@pytest.mark.parametrize("damage", ["", "{}", "[]", "[1]", '[{"batch_number": 1}]'])
def test_a_damaged_index_is_made_again(source, store, tmp_path, damage):
    next(tmp_path.glob("batches/*/index.json")).write_text(damage)

    again = BatchStore.prepare(source, 100, tmp_path)

    assert again.batches == store.batches


def test_another_batch_size_gives_other_batches(source, store, tmp_path):
    others = BatchStore.prepare(source, 60, tmp_path)

    assert [batch.rows for batch in others.batches] == [60, 60, 60, 60, 10]
    assert others.digest != store.digest


def test_a_cut_that_fails_leaves_nothing_behind(encounters, tmp_path):
    broken = encounters.append_column("not storable", pa.nulls(250, pa.month_day_nano_interval()))

    with pytest.raises(pa.ArrowNotImplementedError):
        BatchStore.prepare(Source("file", "broken", lambda: broken), 100, tmp_path)

    assert list((tmp_path / "batches").iterdir()) == []


def test_json_and_parquet_hold_the_same_rows(store):
    document = _json(store.gzipped_json(3))

    assert document["data"] == _read(store.parquet(3)).to_pylist()


def test_the_json_says_which_batch_it_is(store):
    heads = [_json(store.gzipped_json(number)) for number in (1, 3)]

    assert [{name: value for name, value in head.items() if name != "data"} for head in heads] == [
        {"batch_number": 1, "total_batches": 3, "rows": 100, "exhausted": False},
        {"batch_number": 3, "total_batches": 3, "rows": 50, "exhausted": True},
    ]


def test_the_json_is_made_once_and_kept(store, tmp_path):
    first = store.gzipped_json(1)
    next(tmp_path.glob("batches/*/batch-00001.parquet")).unlink()

    assert store.gzipped_json(1) == first


def test_the_parquet_has_the_original_column_names_and_plain_types(store):
    schema = pyarrow.parquet.read_schema(io.BytesIO(store.parquet(1)))

    assert tuple(schema.names) == RAW_NAMES
    assert set(map(str, schema.types)) == {"int64", "string"}
