"""The clean database: one typed row for each encounter that cleaning kept, with the split of its patient."""

from collections.abc import Callable

import pandas as pd
from sqlalchemy import Connection, delete, exists, func, select, update

from readmission.adapters.database.bulk import checked, insert_unknown, staged
from readmission.adapters.database.frames import FrameDatabase
from readmission.adapters.database.tables import diabetes_clean
from readmission.domain.cleaning import CLEAN_COLUMNS
from readmission.domain.cohort import SPLITS
from readmission.errors import InvalidBatch, InvalidInput

_columns = diabetes_clean.c


class CleanDatabase(FrameDatabase):
    """The table ``diabetes_clean``; the views train_data, validation_data and test_data each show one split."""

    name = "clean"

    def store_batch(self, batch_number: int, frame: pd.DataFrame) -> int:
        """Store a cleaned batch with the columns ``CLEAN_COLUMNS``; returns the number of new rows.

        A new row has no split yet (NULL). If the batch is stored already, its rows get the new values and keep their
        split, and rows that are not in ``frame`` are deleted. An encounter that another batch stored is not changed.
        Raises :class:`InvalidBatch` when the frame does not fit the table.
        """
        rows = checked(diabetes_clean, frame, CLEAN_COLUMNS)
        return self._write(lambda connection: _store(connection, batch_number, rows), alone=True)

    def assign_splits(self, batch_number: int, split_of: Callable[[int], str]) -> dict[str, int]:
        """Assign each row of a batch the split of its patient; returns the batch's row counts by split.

        ``split_of`` takes a ``patient_nbr``. Raises :class:`InvalidInput` when it returns an unknown split, and
        :class:`InvalidBatch` when a patient is in another split already; both change nothing.
        """
        return self._write(lambda connection: _assign(connection, batch_number, split_of), alone=True)

    def read_split(self, split: str) -> pd.DataFrame:
        """All rows of a split, sorted by ``encounter_id``, with ``CLEAN_COLUMNS`` and ``batch_number``.

        The types are those of ``domain.cleaning.clean``. Raises :class:`InvalidInput` for an unknown split.
        """
        if split not in SPLITS:
            raise InvalidInput(f"split must be one of {', '.join(SPLITS)}")
        columns = [_columns[name] for name in (*CLEAN_COLUMNS, "batch_number")]
        return self._read_frame(select(*columns).where(_columns.split == split))

    def batch_numbers(self) -> list[int]:
        """The numbers of the batches that have a row here, in ascending order."""
        numbers = select(_columns.batch_number).distinct().order_by(_columns.batch_number)
        return list(self._read(lambda connection: connection.scalars(numbers).all()))


def _store(connection: Connection, batch_number: int, frame: pd.DataFrame) -> int:
    with staged(connection, diabetes_clean, frame) as staging:
        of_batch, same = _columns.batch_number == batch_number, _columns.encounter_id == staging.c.encounter_id
        connection.execute(delete(diabetes_clean).where(of_batch, ~exists().where(same)))
        values = {name: staging.c[name] for name in CLEAN_COLUMNS if name != "encounter_id"}
        connection.execute(update(diabetes_clean).where(of_batch, same).values(values))
        return insert_unknown(connection, staging, diabetes_clean, {"batch_number": batch_number})


def _assign(connection: Connection, batch_number: int, split_of: Callable[[int], str]) -> dict[str, int]:
    of_batch = _columns.batch_number == batch_number
    patients = list(connection.scalars(select(_columns.patient_nbr).where(of_batch).distinct()))
    splits = pd.DataFrame({"patient_nbr": patients, "split": [split_of(patient) for patient in patients]})
    if not splits["split"].isin(SPLITS).all():
        raise InvalidInput(f"split must be one of {', '.join(SPLITS)}")
    with staged(connection, diabetes_clean, splits.astype({"patient_nbr": "int64", "split": "str"})) as staging:
        same = _columns.patient_nbr == staging.c.patient_nbr
        # with a subquery SQLite looks up each patient instead of reading the whole table
        crosses = exists().where(same, _columns.split != staging.c.split)
        if count := connection.scalar(select(func.count()).select_from(staging).where(crosses)):
            raise InvalidBatch(f"batch {batch_number}: {count} patients stand in another split already")
        connection.execute(
            update(diabetes_clean).where(of_batch, same, _columns.split.is_(None)).values(split=staging.c.split)
        )
    return dict.fromkeys(SPLITS, 0) | _counts(connection, batch_number)


def _counts(connection: Connection, batch_number: int) -> dict[str, int]:
    counts = select(_columns.split, func.count()).where(_columns.batch_number == batch_number).group_by(_columns.split)
    return {row[0]: row[1] for row in connection.execute(counts)}
