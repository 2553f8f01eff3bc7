"""The inference database: predictions, their observed outcomes, and the append-only ledger of promotions.

Serving imports this module, so it must not import pandas.
"""

import json
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError

from readmission.adapters.database.dialect import insert_new
from readmission.adapters.database.engine import Database
from readmission.adapters.database.tables import outcomes, predictions, promotions
from readmission.domain.horizon import HorizonName
from readmission.domain.outcome import Knowledge, Report, StoredOutcome, merged, recalled, reported, stored_as
from readmission.errors import DatabaseUnavailable, InvalidInput, NotFound


@dataclass(frozen=True)
class PredictionRecord:
    """One prediction. ``features`` are the raw clinical values of the request; ``source`` is the route that answered.

    ``probability`` and ``threshold`` are between 0 and 1; ``prediction`` is 0 or 1; ``created_at`` has a time zone.
    These, and the model, are those of the primary horizon. ``risks`` has each horizon's risk as it was answered, the
    primary first. ``patient_reference``: a keyed hash, 64 hexadecimal digits.
    """

    prediction_id: str
    created_at: datetime
    model_name: str
    model_version: str
    probability: float
    prediction: int
    threshold: float
    features: dict[str, Any]
    risks: list[dict[str, Any]]
    source: Literal["predict", "predict_batch", "explain", "oip_rest", "oip_grpc"]
    patient_reference: str | None = None


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

        Raises :class:`InvalidInput` when features or risks cannot be written as JSON, for example a NaN, or when the
        database refuses a value. Then none of the records is stored.
        """
        rows = [_row(record, "features", "risks") for record in records]
        if not rows:
            return
        try:
            self._write(lambda c: c.execute(insert_new(c, predictions, "prediction_id"), rows).close())
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, DataError | IntegrityError):
                raise InvalidInput("the database refuses a value of these predictions") from error
            raise

    def record_outcome(self, prediction_id: str, report: Report, today: date) -> Knowledge:
        """Add a report to what is known of a prediction's outcome, and return all that is known then.

        The same report again changes nothing. Reports on one prediction wait for each other. Raises :class:`NotFound`
        for an unknown prediction, :class:`InvalidInput` for a day before the prediction or after ``today`` (UTC), and
        :class:`Conflict` for a report that contradicts what is known.
        """
        return self._write(lambda connection: _record_outcome(connection, prediction_id, report, today))

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


def _record_outcome(connection: Connection, prediction_id: str, report: Report, today: date) -> Knowledge:
    predicted_on, horizon = _locked_prediction(connection, prediction_id)
    new = reported(report, predicted_on, today)
    names = [field.name for field in fields(StoredOutcome)]
    this = outcomes.c.prediction_id == prediction_id
    row = connection.execute(select(*(outcomes.c[name] for name in names)).where(this)).one_or_none()
    known = Knowledge() if row is None else recalled(StoredOutcome(*row), predicted_on, horizon)
    result = merged(known, new)
    values = asdict(stored_as(result, predicted_on, datetime.now(UTC)))
    if row is None:
        connection.execute(insert(outcomes).values(prediction_id=prediction_id, **values))
    elif result != known:
        connection.execute(update(outcomes).where(this).values(**values))
    return result


def _locked_prediction(connection: Connection, prediction_id: str) -> tuple[date, HorizonName | None]:
    """The day of a prediction and its primary horizon, if known; its row is locked until the transaction ends."""
    columns = predictions.c.prediction_id, predictions.c.created_at, predictions.c.risks
    query = select(*columns).where(predictions.c.prediction_id == prediction_id).with_for_update()
    row = connection.execute(query).one_or_none()
    # MySQL's comparison ignores trailing spaces
    if row is None or row.prediction_id != prediction_id:
        raise NotFound("there is no prediction with this prediction_id")
    return row.created_at.date(), row.risks[0]["horizon"] if row.risks else None


def _record_promotion(connection: Connection, row: dict[str, Any]) -> None:
    once = [promotions.c[name] == row[name] for name in ("model_name", "version", "action", "pipeline_run_id")]
    if connection.scalar(select(promotions.c.id).where(*once)) is None:
        connection.execute(insert(promotions).values(**row))


def _row(record: PredictionRecord | PromotionRecord, *json_names: str) -> dict[str, Any]:
    # asdict would copy each value of the JSON, which costs more than the insert
    row = dict(vars(record))
    for name in json_names:
        try:
            json.dumps(row[name], allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{name} must be what JSON can hold") from error
    return row
