"""The inference database: predictions, later outcomes, and the append-only ledger of promotions.

Serving imports this module, so it stays free of pandas.
"""

import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from readmission.adapters.database.dialect import insert_new
from readmission.adapters.database.engine import Database
from readmission.adapters.database.tables import outcomes, predictions, promotions
from readmission.errors import DatabaseUnavailable, InvalidInput, NotFound


@dataclass(frozen=True)
class PredictionRecord:
    """One answer of the model; ``features`` are the raw clinical values it was asked with."""

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
    """One decision about a model version: who, when, why, on which evidence."""

    action: Literal["promote", "reject", "rollback"]
    model_name: str
    version: str
    previous_version: str | None
    who: str
    at: datetime
    reason: str
    evidence: dict[str, Any]
    pipeline_run_id: str


class InferenceDatabase(Database):
    """``predictions``, ``outcomes`` and ``promotions``. All datetimes are aware; they come back in UTC."""

    name = "inference"

    def log_predictions(self, records: list[PredictionRecord]) -> None:
        """Store predictions in one insert; a ``prediction_id`` that is there already is passed over.

        Raises :class:`InvalidInput` when features are no JSON (a NaN, say).
        """
        rows = [_row(record, "features") for record in records]
        if rows:
            self._write(lambda c: c.execute(insert_new(c, predictions, "prediction_id"), rows).close())

    def record_outcome(self, prediction_id: str, readmitted: bool, observed_at: datetime) -> None:
        """Store the later truth of a prediction; the same outcome again is fine.

        Raises :class:`NotFound` for an unknown prediction and :class:`InvalidInput` for a contradicting outcome or a
        time without a zone.
        """
        if observed_at.tzinfo is None:
            raise InvalidInput("observed_at must have a time zone")
        self._write(lambda connection: _record_outcome(connection, prediction_id, readmitted, observed_at))

    def record_promotion(self, record: PromotionRecord) -> None:
        """Append a decision, once for each model version, action and pipeline run; raises as ``log_predictions``."""
        row = _row(record, "evidence")
        try:
            self._write(lambda connection: _record_promotion(connection, row))
        except DatabaseUnavailable as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
            # another process may have appended the same decision in between; anything else rises from here
            self._write(lambda connection: _record_promotion(connection, row))

    def promotions(self) -> list[PromotionRecord]:
        """The ledger, oldest first."""
        columns = [promotions.c[field.name] for field in fields(PromotionRecord)]
        rows = self._read(lambda connection: connection.execute(select(*columns).order_by(promotions.c.id)).all())
        return [PromotionRecord(*row) for row in rows]


def _record_outcome(connection: Connection, prediction_id: str, readmitted: bool, observed_at: datetime) -> None:
    known = select(predictions.c.prediction_id).where(predictions.c.prediction_id == prediction_id)
    # MySQL's comparison overlooks spaces at the end
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
    row = asdict(record)
    try:
        json.dumps(row[json_name], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{json_name} must be what JSON can hold") from error
    return row
