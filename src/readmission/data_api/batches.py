"""The source cut into batches: each one a Parquet file and a gzipped JSON file in the cache, never all in memory."""

import gzip
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

import pyarrow as pa
import pyarrow.parquet

from readmission.data_api.json_rows import write_batch
from readmission.log import get_logger

SourceName = Literal["uci", "file", "synthetic"]

# raised when the layout of the cached files changes: old ones are then made again
_FORMAT = 1
_INDEX = "index.json"


@dataclass(frozen=True)
class Source:
    """Where the rows come from. ``digest`` names the very rows; ``read`` gives them (``encounter_file.SCHEMA``)."""

    name: SourceName
    digest: str
    read: Callable[[], pa.Table]


@dataclass(frozen=True)
class Batch:
    """``sha256`` is that of the Parquet body; ``batch_number`` counts from 1."""

    batch_number: int
    rows: int
    sha256: str


class BatchStore:
    """The prepared batches of one source; safe to use from several threads."""

    def __init__(self, directory: Path, source: SourceName, batches: tuple[Batch, ...]) -> None:
        self.source = source
        self.batches = batches
        self._directory = directory
        self._making_json = threading.Lock()

    @classmethod
    def prepare(cls, source: Source, batch_size: int, cache: Path) -> Self:
        """Cut the source into batches of ``batch_size`` rows in file order, unless the cache has them whole."""
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
        """Names all batches together: other rows or another batch size give another digest."""
        return hashlib.sha256("".join(batch.sha256 for batch in self.batches).encode()).hexdigest()

    @property
    def total(self) -> int:
        return len(self.batches)

    def batch(self, batch_number: int) -> Batch:
        return self.batches[batch_number - 1]

    def parquet(self, batch_number: int) -> bytes:
        """The Parquet body, whose sha256 is the batch's."""
        return _parquet_path(self._directory, batch_number).read_bytes()

    def gzipped_json(self, batch_number: int) -> bytes:
        """The gzipped JSON body; made at the first request and kept on disk."""
        path = self._directory / f"batch-{batch_number:05d}.json.gz"
        with self._making_json:
            if not path.exists():
                self._make_json(batch_number, path)
        return path.read_bytes()

    def _make_json(self, batch_number: int, path: Path) -> None:
        rows = pyarrow.parquet.read_table(pa.BufferReader(self.parquet(batch_number)), use_threads=False)
        head = {
            "batch_number": batch_number,
            "total_batches": self.total,
            "rows": rows.num_rows,
            "exhausted": batch_number == self.total,
        }
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as file, gzip.GzipFile("", "wb", 5, file, mtime=0) as zipped:
            write_batch(zipped, head, rows)
        unfinished.replace(path)


def _parquet_path(directory: Path, batch_number: int) -> Path:
    return directory / f"batch-{batch_number:05d}.parquet"


def _cut(table: pa.Table, batch_size: int, directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix="unfinished-") as name:
        unfinished = Path(name) / "batches"
        unfinished.mkdir()
        batches = [
            _write(table.slice(start, batch_size), number, unfinished)
            for number, start in enumerate(range(0, table.num_rows, batch_size), 1)
        ]
        (unfinished / _INDEX).write_text(json.dumps([asdict(batch) for batch in batches]), encoding="utf-8")
        try:
            # a directory appears whole or not at all
            os.rename(unfinished, directory)  # noqa: PTH104
        except FileExistsError:
            get_logger(__name__).info("another process cut the same batches", directory=str(directory))


def _write(rows: pa.Table, batch_number: int, directory: Path) -> Batch:
    plain = pa.schema([(field.name, getattr(field.type, "value_type", field.type)) for field in rows.schema])
    path = _parquet_path(directory, batch_number)
    pyarrow.parquet.write_table(rows.cast(plain), path, compression="zstd", store_schema=False)
    return Batch(batch_number, rows.num_rows, hashlib.sha256(path.read_bytes()).hexdigest())


def _cached(directory: Path) -> tuple[Batch, ...] | None:
    """The batches in ``directory``; None when any of them is missing or damaged."""
    try:
        batches = tuple(Batch(**item) for item in json.loads((directory / _INDEX).read_text(encoding="utf-8")))
        whole = bool(batches) and all(
            hashlib.sha256(_parquet_path(directory, batch.batch_number).read_bytes()).hexdigest() == batch.sha256
            for batch in batches
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        whole = False
    if not whole:
        get_logger(__name__).warning("the cached batches are damaged and are cut again", directory=str(directory))
        return None
    return batches
