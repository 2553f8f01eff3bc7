"""The inference database: predictions, their observed outcomes, and the append-only ledger of promotions.

Serving imports this module, so it must not import pandas.
"""

import json
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DataError, IntegrityError

from readmission.adapters.database.dialect import insert_new
from readmission.adapters.database.engine import Database
from readmission.adapters.database.tables import outcomes, predictions, promotions
from readmission.errors import DatabaseUnavailable, InvalidInput, NotFound


@dataclass(frozen=True)
class PredictionRecord:
    """One prediction. ``features`` are the raw clinical values of the request; ``source`` is the route that answered.

    ``probability`` and ``threshold`` are between 0 and 1; ``prediction`` is 0 or 1; ``created_at`` has a time zone.
    """

    prediction_id: str
    created_at: datetime
    model_name: str
    model_version: str
    probability: float
    prediction: int
    threshold: float
    features: dict[str, Any]
    source: Literal["predict", "predict_batch"]


@dataclass(frozen=True)
class PromotionRecord:
    """One decision about a model version: who decided it, when, why, and on which evidence (values for JSON).

    ``sign``: a person, or a migration, signed the version as promoted.
    """

    action: Literal["promote", "reject", "rollback", "sign"]
    model_name: str
    version: str
    previous_version: str | None
    who: str
    at: datetime
    reason: str
    evidence: dict[str, Any]
    pipeline_run_id: str


class InferenceDatabase(Database):
    """The tables ``predictions``, ``outcomes`` and ``promotions``. Datetimes have a time zone; those read are UTC."""

    name = "inference"

    def log_predictions(self, records: list[PredictionRecord]) -> None:
        """Store predictions in one transaction; a prediction whose ``prediction_id`` is stored already is skipped.

        Raises :class:`InvalidInput` when features cannot be written as JSON, for example a NaN, or when the database
        refuses a value. Then none of the records is stored.
        """
        rows = [_row(record, "features") for record in records]
        if not rows:
            return
        try:
            self._write(lambda c: c.execute(insert_new(c, predictions, "prediction_id"), rows).close())
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, DataError | IntegrityError):
                raise InvalidInput("the database refuses a value of these predictions") from error
            raise

    def record_outcome(self, prediction_id: str, readmitted: bool, observed_at: datetime) -> None:
        """Store the observed outcome of a prediction; storing the same outcome again changes nothing.

        Raises :class:`NotFound` for an unknown prediction, and :class:`InvalidInput` for an outcome that contradicts
        the stored one or for a time without a zone.
        """
        if observed_at.tzinfo is None:
            raise InvalidInput("observed_at must have a time zone")
        self._write(lambda connection: _record_outcome(connection, prediction_id, readmitted, observed_at))

    def record_promotion(self, record: PromotionRecord) -> None:
        """Append a decision, unless the same version, action and pipeline run have one already.

        Raises :class:`InvalidInput` when the evidence cannot be written as JSON.
        """
        row = _row(record, "evidence")
        try:
            self._write(lambda connection: _record_promotion(connection, row))
        except DatabaseUnavailable as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
            # another process may have appended the same decision meanwhile; any other conflict fails again here
            self._write(lambda connection: _record_promotion(connection, row))

    def promotion_lock(self) -> AbstractContextManager[None]:
        """Only one process at a time is inside this block: reading production, comparing, ledger row, aliases.

        Predictions are written meanwhile. A process that dies releases the lock. Raises :class:`DatabaseUnavailable`
        when another process holds it for 120 s.
        """
        return self._locked("promotion")

    def promotions(
        self, model_name: str | None = None, actions: Collection[str] | None = None
    ) -> list[PromotionRecord]:
        """The rows of the ledger, the oldest first; where given, of this model and with one of these actions."""
        ledger = select(*(promotions.c[field.name] for field in fields(PromotionRecord))).order_by(promotions.c.id)
        if model_name is not None:
            ledger = ledger.where(promotions.c.model_name == model_name)
        if actions is not None:
            ledger = ledger.where(promotions.c.action.in_(list(actions)))
        rows = self._read(lambda connection: connection.execute(ledger).all())
        return [PromotionRecord(*row) for row in rows]


def _record_outcome(connection: Connection, prediction_id: str, readmitted: bool, observed_at: datetime) -> None:
    known = select(predictions.c.prediction_id).where(predictions.c.prediction_id == prediction_id)
    # MySQL's comparison ignores trailing spaces
    if connection.scalar(known) != prediction_id:
        raise NotFound("there is no prediction with this prediction_id")
    row = {
        "prediction_id": prediction_id,
        "readmitted": int(readmitted),
        "observed_at": observed_at,
        "recorded_at": datetime.now(UTC),
    }
    connection.execute(insert_new(connection, outcomes, "prediction_id"), row)
    stored = connection.scalar(select(outcomes.c.readmitted).where(outcomes.c.prediction_id == prediction_id))
    if stored != int(readmitted):
        raise InvalidInput("readmitted contradicts the outcome that is recorded for this prediction_id")


def _record_promotion(connection: Connection, row: dict[str, Any]) -> None:
    once = [promotions.c[name] == row[name] for name in ("model_name", "version", "action", "pipeline_run_id")]
    if connection.scalar(select(promotions.c.id).where(*once)) is None:
        connection.execute(insert(promotions).values(**row))


def _row(record: PredictionRecord | PromotionRecord, json_name: str) -> dict[str, Any]:
    # asdict would copy each value of the JSON, which costs more than the insert
    row = dict(vars(record))
    try:
        json.dumps(row[json_name], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{json_name} must be what JSON can hold") from error
    return row
