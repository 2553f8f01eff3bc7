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


def _body(file):
    with file:
        return file.read()


def _read(body):
    return pyarrow.parquet.read_table(pa.BufferReader(body))


def _json(body):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(gzip.decompress(body), parse_constant=refuse)


def _unread():
    raise AssertionError("the source was read again")


def test_the_batches_are_the_rows_in_file_order(store, encounters):
    tables = [_read(_body(store.open_parquet(batch.batch_number))) for batch in store.batches]

    assert [table.num_rows for table in tables] == [100, 100, 50]
    assert pa.concat_tables(tables).to_pylist() == encounters.to_pylist()


def test_a_batch_is_named_by_the_sha256_of_its_parquet_body(store):
    digests = [hashlib.sha256(_body(store.open_parquet(batch.batch_number))).hexdigest() for batch in store.batches]

    assert digests == [batch.sha256 for batch in store.batches]


def test_cutting_again_elsewhere_gives_the_same_bytes(source, store, tmp_path):
    again = BatchStore.prepare(source, 100, tmp_path / "elsewhere")

    assert again.batches == store.batches


def test_a_restart_does_not_read_the_source_again(store, tmp_path):
    again = BatchStore.prepare(Source("file", "a digest", _unread), 100, tmp_path)

    assert again.batches == store.batches


@pytest.mark.parametrize("damage", [b"", b"PAR1 half a fi"])
@pytest.mark.parametrize("form", ["parquet", "json.gz"])
def test_damaged_batches_are_cut_again(source, store, tmp_path, form, damage):
    bodies = _body(store.open_parquet(2)), _body(store.open_gzipped_json(2))
    next(tmp_path.glob(f"batches/*/batch-00002.{form}")).write_bytes(damage)

    again = BatchStore.prepare(source, 100, tmp_path)

    assert (_body(again.open_parquet(2)), _body(again.open_gzipped_json(2))) == bodies


@pytest.mark.parametrize("form", ["parquet", "json.gz"])
def test_lost_batches_are_cut_again(source, store, tmp_path, form):
    next(tmp_path.glob(f"batches/*/batch-00002.{form}")).unlink()

    again = BatchStore.prepare(source, 100, tmp_path)

    assert again.batches == store.batches
    assert _body(again.open_gzipped_json(2))


def test_two_processes_may_cut_the_same_source_at_once(encounters, tmp_path):
    def read_while_another_finishes():
        BatchStore.prepare(Source("file", "shared", lambda: encounters), 100, tmp_path)
        return encounters

    slower = BatchStore.prepare(Source("file", "shared", read_while_another_finishes), 100, tmp_path)

    assert slower.total == 3
    assert len(list((tmp_path / "batches").iterdir())) == 1


@pytest.mark.parametrize(
    "damage", ["", "{}", "[]", "null", '{"batches": [], "files": {}}', '{"batches": [{"rows": 1}], "files": {}}']
)
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
    document = _json(_body(store.open_gzipped_json(3)))

    assert document["data"] == _read(_body(store.open_parquet(3))).to_pylist()


def test_the_plain_json_is_the_gzipped_one_unpacked(store):
    assert _body(store.open_json(2)) == gzip.decompress(_body(store.open_gzipped_json(2)))


def test_a_plain_json_that_was_read_leaves_no_file(store, tmp_path):
    before = sorted(tmp_path.rglob("*"))

    store.open_json(1).close()

    assert sorted(tmp_path.rglob("*")) == before


def test_the_json_says_which_batch_it_is(store):
    heads = [_json(_body(store.open_gzipped_json(number))) for number in (1, 3)]

    assert [{name: value for name, value in head.items() if name != "data"} for head in heads] == [
        {"batch_number": 1, "total_batches": 3, "rows": 100, "exhausted": False},
        {"batch_number": 3, "total_batches": 3, "rows": 50, "exhausted": True},
    ]


def test_the_parquet_has_the_original_column_names_and_plain_types(store):
    schema = pyarrow.parquet.read_schema(io.BytesIO(_body(store.open_parquet(1))))

    assert tuple(schema.names) == RAW_NAMES
    assert set(map(str, schema.types)) == {"int64", "string"}
