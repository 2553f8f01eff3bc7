"""What the log needs of the database."""

from typing import Protocol

from readmission.adapters.database.inference import PredictionRecord


class PredictionTable(Protocol):
    """The part of ``adapters.database.InferenceDatabase`` that the log uses."""

    def log_predictions(self, records: list[PredictionRecord], /) -> None:
        """Store the records in one transaction. A ``prediction_id`` that is already stored is skipped.

        Raises :class:`InvalidInput` when a record itself is refused, which no retry can mend, and
        :class:`DatabaseUnavailable` for everything that a later retry may mend.
        """
