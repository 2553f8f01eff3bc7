"""Cuts the source into batches. Each batch is a Parquet file and a gzipped JSON file in the cache folder."""

import errno
import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

import pyarrow as pa
import pyarrow.parquet

from readmission.data_api.json_rows import write_batch
from readmission.domain.data_source import DataSource
from readmission.log import get_logger

# increase it when the layout of the cached files changes, so that old ones are made again
_FORMAT = 1
_INDEX = "index.json"


@dataclass(frozen=True)
class Source:
    """Where the rows come from. ``digest`` identifies them; ``read`` returns them with ``encounter_file.SCHEMA``."""

    name: DataSource
    digest: str
    read: Callable[[], pa.Table]


@dataclass(frozen=True)
class Batch:
    """One batch. ``batch_number`` counts from 1. ``sha256`` is the digest of the Parquet file."""

    batch_number: int
    rows: int
    sha256: str


class BatchStore:
    """The prepared batches of one source. It is thread-safe."""

    def __init__(self, directory: Path, source: DataSource, batches: tuple[Batch, ...]) -> None:
        self.source = source
        self.batches = batches
        self._directory = directory

    @classmethod
    def prepare(cls, source: Source, batch_size: int, cache: Path) -> Self:
        """Cut the source into batches of ``batch_size`` rows in file order, unless the cache already holds all of them.

        Raises :class:`OSError` when the files cannot be written or read back, and what ``source.read`` raises.
        """
        name = hashlib.sha256(f"{_FORMAT} {source.name} {source.digest} {batch_size}".encode()).hexdigest()[:16]
        directory = cache / "batches" / name
        batches = _cached(directory)
        if batches is None:
            shutil.rmtree(directory, ignore_errors=True)
            _cut(source.read(), batch_size, directory)
            batches = _cached(directory)
        if batches is None:
            raise OSError(f"the batches written to {directory} cannot be read back")
        return cls(directory, source.name, batches)

    @property
    def digest(self) -> str:
        """Identifies all batches together. Other rows or another batch size give another digest."""
        return hashlib.sha256("".join(batch.sha256 for batch in self.batches).encode()).hexdigest()

    @property
    def total(self) -> int:
        """The number of batches, published or not."""
        return len(self.batches)

    def batch(self, batch_number: int) -> Batch:
        """The batch with this number, from 1 to ``total``."""
        return self.batches[batch_number - 1]

    def open_parquet(self, batch_number: int) -> IO[bytes]:
        """Open the Parquet file, whose sha256 is that of the batch. The caller closes it."""
        return (self._directory / _parquet_name(batch_number)).open("rb")

    def open_gzipped_json(self, batch_number: int) -> IO[bytes]:
        """Open the gzipped JSON file. The caller closes it."""
        return (self._directory / _json_name(batch_number)).open("rb")

    def open_json(self, batch_number: int) -> IO[bytes]:
        """Open the JSON body (about 15 MB) as a temporary file, which is deleted when the caller closes it."""
        unpacked = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115
        with gzip.open(self._directory / _json_name(batch_number)) as packed:
            shutil.copyfileobj(packed, unpacked)
        unpacked.seek(0)
        return unpacked


def _parquet_name(batch_number: int) -> str:
    return f"batch-{batch_number:05d}.parquet"


def _json_name(batch_number: int) -> str:
    return f"batch-{batch_number:05d}.json.gz"


def _cut(table: pa.Table, batch_size: int, directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix="unfinished-") as name:
        unfinished = Path(name) / "batches"
        unfinished.mkdir()
        starts = range(0, table.num_rows, batch_size)
        batches = [
            _write(table.slice(start, batch_size), number, len(starts), unfinished)
            for number, start in enumerate(starts, 1)
        ]
        files = {path.name: _sha256(path) for path in sorted(unfinished.iterdir())}
        index = {"batches": [asdict(batch) for batch in batches], "files": files}
        (unfinished / _INDEX).write_text(json.dumps(index), encoding="utf-8")
        try:
            # renaming makes the whole folder appear at once
            unfinished.rename(directory)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            get_logger(__name__).info("another process cut the same batches", directory=str(directory))


def _write(rows: pa.Table, batch_number: int, total: int, directory: Path) -> Batch:
    plain = pa.schema([(field.name, getattr(field.type, "value_type", field.type)) for field in rows.schema])
    rows = rows.cast(plain)
    path = directory / _parquet_name(batch_number)
    pyarrow.parquet.write_table(rows, path, compression="zstd", store_schema=False)
    head = {
        "batch_number": batch_number,
        "total_batches": total,
        "rows": rows.num_rows,
        "exhausted": batch_number == total,
    }
    with (directory / _json_name(batch_number)).open("wb") as file, gzip.GzipFile("", "wb", 5, file, 0) as zipped:
        write_batch(zipped, head, rows)
    return Batch(batch_number, rows.num_rows, _sha256(path))


def _cached(directory: Path) -> tuple[Batch, ...] | None:
    """The batches in ``directory``, or None when any of their files is missing or damaged."""
    try:
        index = json.loads((directory / _INDEX).read_text(encoding="utf-8"))
        batches = tuple(Batch(**item) for item in index["batches"])
        whole = bool(batches) and all(_sha256(directory / name) == sha256 for name, sha256 in index["files"].items())
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        get_logger(__name__).warning("the cached batches are damaged and are cut again", directory=str(directory))
        return None
    return batches


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
