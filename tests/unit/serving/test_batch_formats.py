import csv
import io
import json
import time

import pytest

from readmission.domain.schema import FEATURE_NAMES, NAME_OF_RAW, RAW_NAMES
from readmission.errors import InvalidInput, TooLarge, UnreadableInput
from readmission.http_contract import CSV, JSON
from readmission.serving.batch_formats import Batch, read_batch
from readmission.serving.encounter import EXAMPLE
from readmission.serving.parquet import read_table
from readmission.serving.table_columns import SHOWN_COLUMNS


def values(batch: Batch, name: str) -> list[object]:
    return [batch.value(name, row) for row in range(batch.rows)]


def in_json(*rows: object) -> Batch:
    return read_batch(json.dumps(rows).encode(), JSON, 10, read_table)


def in_csv(rows: list[dict[str, object]], **options: str) -> Batch:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return read_batch(text.getvalue().encode(options.get("encoding", "utf-8")), CSV, 10, read_table)


def raw_row(**changes: object) -> dict[str, object]:
    """A row with all 50 columns of the data set, in its own spelling."""
    by_name = dict.fromkeys(NAME_OF_RAW.values(), "?") | EXAMPLE | {"examide": "No", "readmitted": "NO"}
    return {raw: by_name[NAME_OF_RAW[raw]] for raw in RAW_NAMES} | changes


def test_a_json_list_becomes_columns():
    batch = in_json(EXAMPLE, EXAMPLE | {"age": "[0-10)", "race": None})

    assert batch.rows == 2
    assert values(batch, "age") == ["[70-80)", "[0-10)"]
    assert values(batch, "race") == ["Caucasian", None]
    assert values(batch, "payer_code") == [None, None]
    assert not batch.problems


def test_a_row_that_is_no_object_is_reported_with_its_index():
    assert list(in_json(EXAMPLE, None, 3, "text", [], [EXAMPLE]).problems) == [1, 2, 3, 4, 5]


def test_an_unknown_field_is_reported_with_its_row():
    assert in_json(EXAMPLE, EXAMPLE | {"nonsense": 1}).problems[1][0]["field"] == "nonsense"


def test_of_very_many_unknown_fields_the_first_are_reported():
    row = EXAMPLE | {f"nonsense_{number}": 1 for number in range(5_000)}

    assert len(in_json(row).problems[0]) == SHOWN_COLUMNS


def test_a_field_in_both_spellings_is_reported_with_its_row():
    assert in_json(EXAMPLE | {"change": "Ch", "change_medication": "Ch"}).problems[0][0]["field"] == "change_medication"


def test_a_repeated_key_is_reported_with_its_row():
    body = f'[{json.dumps(EXAMPLE)}, {json.dumps(EXAMPLE)[:-1]}, "age": "[0-10)"}}]'

    batch = read_batch(body.encode(), JSON, 10, read_table)

    assert list(batch.problems) == [1]


def test_what_is_no_json_is_unreadable():
    for body in (b"", b"[", b"[NaN]", b"[Infinity]", b"\xff", b"[" * 100_000, b"[" + b"9" * 5000 + b"]"):
        with pytest.raises(UnreadableInput):
            read_batch(body, JSON, 10, read_table)


def test_json_that_is_no_list_is_refused():
    for body in (b"{}", b"null", b"3"):
        with pytest.raises(InvalidInput, match="list"):
            read_batch(body, JSON, 10, read_table)


@pytest.mark.parametrize(("body", "media_type"), [(b"[]", JSON), (",".join(FEATURE_NAMES).encode(), CSV)])
def test_an_empty_batch_is_refused(body, media_type):
    with pytest.raises(InvalidInput, match="empty"):
        read_batch(body, media_type, 10, read_table)


@pytest.mark.parametrize("media_type", [JSON, CSV])
def test_one_row_too_many_is_too_large(media_type):
    line = ",".join(map(str, EXAMPLE.values()))
    bodies = {JSON: json.dumps([EXAMPLE] * 11), CSV: "\n".join([",".join(EXAMPLE), *[line] * 11])}

    with pytest.raises(TooLarge, match="10 encounters"):
        read_batch(bodies[media_type].encode(), media_type, 10, read_table)


def test_a_csv_of_the_whole_data_set_is_read():
    batch = in_csv([raw_row(), raw_row(**{"glyburide-metformin": "Up", "diag_1": "?"})])

    assert batch.rows == 2
    assert values(batch, "glyburide_metformin") == [None, "Up"]
    assert values(batch, "diag_1") == ["428", None]
    assert values(batch, "time_in_hospital") == [5, 5]


def test_none_is_a_value_of_the_two_tests_and_empty_is_unknown():
    batch = in_csv([EXAMPLE | {"max_glu_serum": "None", "A1Cresult": ""}])

    assert values(batch, "max_glu_serum") == ["None"]
    assert values(batch, "A1Cresult") == [None]


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert in_csv([EXAMPLE], encoding="utf-8-sig").rows == 1


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_unreadable(encoding):
    with pytest.raises(UnreadableInput, match="UTF-8"):
        in_csv([EXAMPLE | {"race": "Español"}], encoding=encoding)


def test_unknown_columns_are_named():
    with pytest.raises(InvalidInput, match='"shoe_size", "colour"'):
        in_csv([EXAMPLE | {"shoe_size": 1, "colour": 2}])


def test_missing_required_columns_are_named():
    with pytest.raises(InvalidInput, match='missing columns: "age"'):
        in_csv([{name: value for name, value in EXAMPLE.items() if name != "age"}])


def test_columns_given_twice_are_named():
    with pytest.raises(InvalidInput, match='more than once: "change_medication"'):
        in_csv([EXAMPLE | {"change": "Ch", "change_medication": "Ch"}])


def test_a_header_of_very_many_names_is_refused_at_once():
    begin = time.monotonic()

    with pytest.raises(InvalidInput, match='more than once: "age"'):
        read_batch(b"age," * 200_000 + b"age\n", CSV, 10, read_table)

    assert time.monotonic() - begin < 10


def test_a_csv_without_a_header_is_not_quoted():
    line = ",".join(map(str, EXAMPLE.values()))

    with pytest.raises(InvalidInput, match="first line") as caught:
        read_batch(f"{line}\n{line}\n".encode(), CSV, 10, read_table)

    assert "Caucasian" not in str(caught.value)


def test_a_line_with_too_few_or_too_many_cells_is_reported_with_its_index():
    names, line = ",".join(EXAMPLE), ",".join(map(str, EXAMPLE.values()))

    batch = read_batch(f"{names}\n{line}\n{line},1\n\n1,2\n{line}\n".encode(), CSV, 10, read_table)

    assert batch.rows == 4
    assert list(batch.problems) == [1, 2]
    assert values(batch, "age")[3] == "[70-80)"


@pytest.mark.parametrize("tail", [b'"open quote', b'"a"b', b"x" * 200_000])
def test_broken_csv_is_unreadable_and_not_quoted(tail):
    with pytest.raises(UnreadableInput, match="line 2"):
        read_batch(",".join(EXAMPLE).encode() + b"\n" + tail, CSV, 10, read_table)
