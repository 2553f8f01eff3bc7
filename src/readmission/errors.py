"""Every error that this project raises on purpose, as one tree.

The layers raise these; the edge (HTTP, Airflow, the command line) translates them once.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class ReadmissionError(Exception):
    """Base of all errors below; its text is safe to show to a caller."""


class MissingSetting(ReadmissionError):
    """A setting that this service needs is not in the environment."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the setting {name} is not set: see .env.example")
        self.name = name


class NothingToDo(ReadmissionError):
    """A pipeline run has no work: its remaining tasks are skipped, not failed."""


class SourceUnavailable(ReadmissionError):
    """The rows cannot be had now: no network, or the far server does not answer."""


class ChecksumMismatch(ReadmissionError):
    """A file is not the one that it claims to be."""


class InvalidSource(ReadmissionError):
    """A data file cannot be read as encounters."""


class BatchNotPublished(ReadmissionError):
    """The batch exists but its time has not come.

    ``next_batch_at`` is an ISO 8601 instant in UTC, or None when nothing more will be published.
    """

    def __init__(self, batch_number: int, next_batch_at: str | None) -> None:
        super().__init__(f"batch {batch_number} is not published; the next one comes at {next_batch_at}")
        self.batch_number = batch_number
        self.next_batch_at = next_batch_at


class InvalidBatch(ReadmissionError):
    """A batch breaks the raw contract: wrong columns, types, or checksum."""


class SourceChanged(ReadmissionError):
    """The source hands out other rows than those already stored under the same name."""


class NotEnoughData(ReadmissionError):
    """Too few encounters, patients or outcomes to measure a model on."""


class InvalidModel(ReadmissionError):
    """A model is not what it should be: wrong digest, failed parity, foreign encoding."""


class ModelNotLoaded(ReadmissionError):
    """No model is in memory yet."""


class InvalidInput(ReadmissionError):
    """A caller's input is refused; the text names the field and its allowed values, never the value.

    ``problems`` has one entry for each refused field: ``field``, ``message`` and ``allowed`` (a JSON Schema).
    """

    def __init__(self, message: str, problems: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the refused fields."""
        return tuple(str(problem["field"]) for problem in self.problems)


class InvalidParameter(InvalidInput):
    """A query parameter is unknown, repeated or malformed."""


class UnreadableInput(InvalidInput):
    """A body that is not what its content type says: broken JSON, CSV or Parquet, another text encoding."""


class UnsupportedMedia(ReadmissionError):
    """A body in a format that the route does not take."""


class TooLarge(ReadmissionError):
    """A request has more rows or bytes than are allowed."""


class Unauthorized(ReadmissionError):
    """The key is missing or wrong."""


class Forbidden(ReadmissionError):
    """The route is closed to everybody until the operator opens it."""


class Conflict(ReadmissionError):
    """The request contradicts what is stored."""


class NotFound(ReadmissionError):
    """What was asked for does not exist."""


class DatabaseUnavailable(ReadmissionError):
    """A database cannot be used now: wrong URL, no server, refused login, or a fault of its own."""
