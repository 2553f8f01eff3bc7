"""The raw database: every encounter as received, and the ledger of the batches."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, insert, select, update

from readmission.adapters.database.bulk import checked, insert_unknown, staged
from readmission.adapters.database.frames import FrameDatabase
from readmission.adapters.database.tables import batches, diabetes_raw
from readmission.domain.schema import NAMES
from readmission.errors import InvalidBatch, NotFound, SourceChanged


@dataclass(frozen=True)
class StoredBatch:
    """A batch of the ledger; ``key`` is its object in the landing bucket.

    ``pipeline_run_id`` is the first run that finished the whole pipeline with it; None before that.
    """

    batch_number: int
    sha256: str
    rows: int
    source: str
    key: str
    pipeline_run_id: str | None = None


class RawDatabase(FrameDatabase):
    """The tables ``diabetes_raw`` and ``batches``."""

    name = "raw"

    def store_batch(self, batch: StoredBatch, frame: pd.DataFrame) -> int:
        """Store a batch from ``validate_raw`` with its ledger row; returns the number of new rows.

        An encounter that an earlier batch stored is not changed, and a stored batch adds nothing. Raises
        :class:`SourceChanged` when the batch is stored with another sha256 or any batch with another source, and
        :class:`InvalidBatch` when the frame does not fit the table or ``batch.rows``.
        """
        rows = checked(diabetes_raw, frame, NAMES)
        if len(rows) != batch.rows:
            raise InvalidBatch(f"batch {batch.batch_number} has {len(rows)} rows, not {batch.rows}")
        return self._write(lambda connection: _store(connection, batch, rows), alone=True)

    def batches(self) -> list[StoredBatch]:
        """The stored batches, sorted by number."""
        ledger = select(batches).order_by(batches.c.batch_number)
        return [_batch(row) for row in self._read(lambda connection: connection.execute(ledger).all())]

    def read_batch(self, batch_number: int) -> pd.DataFrame:
        """The rows of a batch, sorted by ``encounter_id``, with the types of ``validate_raw``.

        Raises :class:`NotFound` when the batch is not stored.
        """
        stored = select(batches.c.batch_number).where(batches.c.batch_number == batch_number)
        if self._read(lambda connection: connection.scalar(stored)) is None:
            raise NotFound(f"batch {batch_number} is not stored")
        columns = [diabetes_raw.c[name] for name in NAMES]
        return self._read_frame(select(*columns).where(diabetes_raw.c.batch_number == batch_number))

    def mark_processed(self, batch_numbers: Sequence[int], pipeline_run_id: str) -> None:
        """Record the run that finished these batches; a batch that has a run keeps it.

        Raises :class:`NotFound` when a batch is not stored.
        """
        self._write(lambda connection: _mark(connection, set(batch_numbers), pipeline_run_id), alone=True)


def _store(connection: Connection, batch: StoredBatch, frame: pd.DataFrame) -> int:
    if _is_stored(connection, batch):
        return 0
    now = datetime.now(UTC)
    connection.execute(insert(batches).values(**_ledger_row(batch), stored_at=now))
    with staged(connection, diabetes_raw, frame) as staging:
        constants = {"batch_number": batch.batch_number, "created_at": now}
        return insert_unknown(connection, staging, diabetes_raw, constants)


def _is_stored(connection: Connection, batch: StoredBatch) -> bool:
    """Whether the ledger has the batch; raises :class:`SourceChanged` when source or sha256 differ."""
    other = connection.scalar(select(batches.c.source).where(batches.c.source != batch.source).limit(1))
    if other is not None:
        raise SourceChanged(f"the stored batches come from {other}, batch {batch.batch_number} from {batch.source}")
    sha256 = connection.scalar(select(batches.c.sha256).where(batches.c.batch_number == batch.batch_number))
    if sha256 not in (None, batch.sha256):
        raise SourceChanged(f"batch {batch.batch_number} is stored with another sha256 than the source has now")
    return sha256 is not None


def _mark(connection: Connection, batch_numbers: set[int], pipeline_run_id: str) -> None:
    chosen = batches.c.batch_number.in_(batch_numbers)
    missing = batch_numbers - set(connection.scalars(select(batches.c.batch_number).where(chosen)))
    if missing:
        raise NotFound(f"batches {sorted(missing)} are not stored")
    processed = {"pipeline_run_id": pipeline_run_id, "processed_at": datetime.now(UTC)}
    connection.execute(update(batches).where(chosen, batches.c.pipeline_run_id.is_(None)).values(**processed))


def _ledger_row(batch: StoredBatch) -> dict[str, Any]:
    row = asdict(batch)
    row["object_key"] = row.pop("key")
    return row


def _batch(row: "Row[Any]") -> StoredBatch:
    return StoredBatch(row.batch_number, row.sha256, row.rows, row.source, row.object_key, row.pipeline_run_id)
