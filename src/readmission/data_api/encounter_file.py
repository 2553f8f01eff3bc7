"""Reads a file of encounters (CSV, gzip, zip or Parquet) into one typed Arrow table."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from readmission.domain.schema import COLUMNS, INTEGER_KINDS, RAW_NAMES
from readmission.errors import InvalidSource

ARCHIVE_MEMBER = "diabetic_data.csv"
MISSING = ("?", "")
SCHEMA = pa.schema(
    [
        pa.field(raw_name, pa.int64() if column.kind in INTEGER_KINDS else pa.dictionary(pa.int32(), pa.string()))
        for raw_name, column in zip(RAW_NAMES, COLUMNS, strict=True)
    ]
)
_BROKEN_FILE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, UnicodeDecodeError)


def read_encounters(path: Path) -> pa.Table:
    """Read a CSV, CSV.gz, zip (with ``diabetic_data.csv`` in any folder) or Parquet file.

    The content decides the format, not the file name. The columns are those of ``SCHEMA``, in its order. ``?`` and
    empty values are null.
    Raises :class:`InvalidSource` when the file is missing, damaged, empty, or not a table of encounters.
    """
    try:
        table = _read_parquet(path) if _magic(path).startswith(b"PAR1") else _read_csv(path)
    except pa.ArrowInvalid as error:
        raise InvalidSource(f"{path} is not a file of encounters: {_without_values(error)}") from error
    except _BROKEN_FILE as error:
        raise InvalidSource(f"{path} cannot be read: {error}") from error
    return check_encounters(table, str(path))


def check_encounters(table: pa.Table, origin: str) -> pa.Table:
    """Return ``table`` unchanged when it has rows and valid identifiers. Raises :class:`InvalidSource` otherwise.

    ``encounter_id`` and ``patient_nbr`` must not be missing, and ``encounter_id`` must be unique. ``origin`` names the
    table in the error.
    """
    if not table.num_rows:
        raise InvalidSource(f"{origin} holds no rows")
    for name in ("encounter_id", "patient_nbr"):
        if table[name].null_count:
            raise InvalidSource(f"{origin}: {name} is missing in {table[name].null_count} rows")
    repeated = table.num_rows - pc.count_distinct(table["encounter_id"]).as_py()
    if repeated:
        raise InvalidSource(f"{origin}: encounter_id repeats in {repeated} rows")
    return table


@contextmanager
def open_csv(path: Path) -> Iterator[IO[bytes]]:
    """Open the CSV for reading bytes. The file may be the CSV itself, gzipped or zipped.

    Raises :class:`InvalidSource` when a zip file does not contain ``diabetic_data.csv``.
    """
    magic = _magic(path)
    if magic.startswith(b"\x1f\x8b"):
        with gzip.open(path, "rb") as file:
            yield file  # type: ignore[misc]
    elif magic.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive, archive.open(_member(archive)) as file:
            yield file
    else:
        with path.open("rb") as file:
            yield file


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _member(archive: zipfile.ZipFile) -> str:
    for name in archive.namelist():
        if PurePosixPath(name).name == ARCHIVE_MEMBER:
            return name
    raise InvalidSource(f"{archive.filename} holds no {ARCHIVE_MEMBER}")


def _read_csv(path: Path) -> pa.Table:
    with open_csv(path) as file:
        table = pyarrow.csv.read_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=SCHEMA,
                null_values=list(MISSING),
                strings_can_be_null=True,
            ),
        )
    _check_columns(table, path)
    return table.select(RAW_NAMES).unify_dictionaries()


def _read_parquet(path: Path) -> pa.Table:
    table = pyarrow.parquet.read_table(path, use_threads=False)
    _check_columns(table, path)
    columns = [_typed(table[field.name], field) for field in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA).unify_dictionaries()


def _typed(values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if pa.types.is_integer(field.type):
        return values.cast(field.type)
    text = values.cast(pa.string())
    missing = pc.is_in(text, value_set=pa.array(MISSING))
    return pc.if_else(missing, pa.scalar(None, pa.string()), text).dictionary_encode()


def _check_columns(table: pa.Table, path: Path) -> None:
    if sorted(table.column_names) != sorted(RAW_NAMES):
        missing, extra = set(RAW_NAMES) - set(table.column_names), set(table.column_names) - set(RAW_NAMES)
        raise InvalidSource(f"{path} has the wrong columns: missing {sorted(missing)}, unexpected {sorted(extra)[:10]}")


def _without_values(error: pa.ArrowInvalid) -> str:
    # Arrow's text contains the invalid cell after this mark, and the cell may hold a patient's data
    return str(error).split(": CSV conversion error")[0].split("'")[0][:200]
