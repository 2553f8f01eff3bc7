"""Reading a file of encounters in each of its forms, and refusing what is none."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from readmission.data_api.encounter_file import SCHEMA, read_encounters
from readmission.domain.schema import RAW_NAMES
from readmission.errors import InvalidSource


@pytest.fixture(scope="module")
def csv(encounters) -> bytes:
    """The rows as the original file has them: missing is ``?``."""
    plain = [column.cast(pa.string()).fill_null("?") for column in encounters.columns]
    file = io.BytesIO()
    options = pyarrow.csv.WriteOptions(quoting_style="none")
    pyarrow.csv.write_csv(pa.table(plain, names=list(RAW_NAMES)), file, options)
    return file.getvalue()


def _zip(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _parquet(table):
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


@pytest.fixture
def read(tmp_path):
    def read(content, name="data.bin"):
        (tmp_path / name).write_bytes(content)
        return read_encounters(tmp_path / name)

    return read


def test_a_csv_is_read(read, csv, encounters):
    assert read(csv).to_pylist() == encounters.to_pylist()


def test_a_gzipped_csv_is_read(read, csv, encounters):
    assert read(gzip.compress(csv)).to_pylist() == encounters.to_pylist()


@pytest.mark.parametrize("member", ["diabetic_data.csv", "dataset_diabetes/diabetic_data.csv"])
def test_a_zip_is_read_wherever_its_folder_has_the_file(read, csv, encounters, member):
    archive = _zip({"IDs_mapping.csv": b"a,b\n", "__MACOSX/._diabetic_data.csv": b"junk", member: csv})

    assert read(archive).to_pylist() == encounters.to_pylist()


def test_a_parquet_file_is_read(read, encounters):
    assert read(_parquet(encounters)).to_pylist() == encounters.to_pylist()


def test_a_parquet_file_of_other_types_is_read(read, encounters):
    other = [
        column.cast(pa.float64() if pa.types.is_integer(column.type) else pa.large_string())
        for column in encounters.columns
    ]

    table = read(_parquet(pa.table(other, names=list(RAW_NAMES)).select(RAW_NAMES[::-1])))

    assert table.schema == SCHEMA
    assert table.to_pylist() == encounters.to_pylist()


def test_not_measured_is_a_value_and_a_question_mark_is_missing(read, csv):
    table = read(csv)

    assert table["max_glu_serum"].null_count == 0
    assert "None" in table["max_glu_serum"].to_pylist()
    assert "?" not in table["weight"].to_pylist()
    assert table["weight"].null_count > 200


def test_windows_line_ends_and_a_byte_order_mark_are_understood(read, csv, encounters):
    content = b"\xef\xbb\xbf" + csv.replace(b"\n", b"\r\n")

    assert read(content).to_pylist() == encounters.to_pylist()


def _without_last_column(csv):
    return b"\n".join(line.rsplit(b",", 1)[0] for line in csv.splitlines())


def _repeated_row(csv):
    return csv + csv.splitlines()[-1] + b"\n"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda csv: csv.splitlines()[0] + b"\n", id="header only"),
        pytest.param(lambda csv: csv.splitlines()[0], id="header without a line end"),
        pytest.param(lambda csv: b"\n".join(csv.splitlines()[1:]), id="no header"),
        pytest.param(_without_last_column, id="a column less"),
        pytest.param(lambda csv: csv.replace(b"readmitted", b"outcome", 1), id="a column renamed"),
        pytest.param(lambda csv: csv.replace(b"race", b"gender", 1), id="a column twice"),
        pytest.param(lambda csv: csv.replace(b",", b";"), id="another separator"),
        pytest.param(lambda csv: csv.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(lambda csv: csv.replace(b"Caucasian", "Cauc\xe1sico".encode("latin-1"), 1), id="Latin-1"),
        pytest.param(lambda csv: csv[: len(csv) // 2 - 60], id="a row cut off"),
        pytest.param(_repeated_row, id="an encounter twice"),
        pytest.param(lambda csv: gzip.compress(csv)[:-2000], id="gzip cut off"),
        pytest.param(lambda csv: gzip.compress(csv)[:-4], id="gzip without its end"),
        pytest.param(lambda _: gzip.compress(b""), id="gzip of nothing"),
        pytest.param(lambda csv: _zip({"diabetic_data.csv": csv})[:-500], id="zip cut off"),
        pytest.param(lambda csv: _zip({"other.csv": csv}), id="zip without the file"),
        pytest.param(lambda csv: b"PAR1" + csv, id="not Parquet after all"),
        pytest.param(lambda _: bytes(range(256)) * 40, id="noise"),
        pytest.param(lambda _: b"<!DOCTYPE html><html>log in</html>", id="a web page"),
    ],
)
def test_what_is_no_file_of_encounters_is_refused_by_name(read, csv, damage):
    with pytest.raises(InvalidSource, match=r"data\.bin"):
        read(damage(csv))


def test_a_refusal_does_not_tell_the_value(read, csv):
    header, first, *rest = csv.splitlines()
    broken = first.replace(first.split(b",")[0], b"secret-7", 1)

    with pytest.raises(InvalidSource) as refused:
        read(b"\n".join([header, broken, *rest]))

    assert "secret-7" not in str(refused.value)


@pytest.mark.parametrize("name", ["not there.csv", "."])
def test_a_file_that_cannot_be_opened_is_refused(tmp_path, name):
    with pytest.raises(InvalidSource):
        read_encounters(tmp_path / name)


def test_parquet_with_other_columns_is_refused(read):
    with pytest.raises(InvalidSource, match="missing"):
        read(_parquet(pa.table({"a": [1]})))


def test_parquet_with_text_for_a_number_is_refused(read, encounters):
    position = RAW_NAMES.index("time_in_hospital")
    broken = encounters.set_column(position, "time_in_hospital", pa.array(["secret-7"] * 250))

    with pytest.raises(InvalidSource) as refused:
        read(_parquet(broken))

    assert "secret-7" not in str(refused.value)


def test_a_missing_patient_is_refused(read, csv):
    header, first, *rest = csv.splitlines()
    identifier, _, tail = first.split(b",", 2)

    with pytest.raises(InvalidSource, match="patient_nbr is missing in 1 rows"):
        read(b"\n".join([header, b",".join([identifier, b"?", tail]), *rest]))
