"""All errors that this project raises on purpose, with one base class.

HTTP, Airflow and the command line each translate them in one place.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class ReadmissionError(Exception):
    """Base class of the errors below. Its text is safe to show to a caller."""


class PermanentError(ReadmissionError):
    """Base class of the errors that no retry can mend: the same input and settings give them again."""


class MissingSetting(PermanentError):
    """A setting that this service needs is not in the environment."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the setting {name} is not set: see .env.example")
        self.name = name


class NothingToDo(ReadmissionError):
    """A pipeline run has no work. Its remaining tasks are skipped; they do not fail."""


class SourceUnavailable(ReadmissionError):
    """A remote service cannot be used now: there is no network, or it does not answer."""


class ChecksumMismatch(ReadmissionError):
    """A file came with another checksum than expected. A new download may come whole."""


class InvalidSource(PermanentError):
    """A data file cannot be read as encounters."""


class BatchNotPublished(ReadmissionError):
    """The batch exists but is not published yet.

    ``next_batch_at`` is a time (ISO 8601, UTC), or None when no further batch will be published.
    """

    def __init__(self, batch_number: int, next_batch_at: str | None) -> None:
        super().__init__(f"batch {batch_number} is not published; the next one comes at {next_batch_at}")
        self.batch_number = batch_number
        self.next_batch_at = next_batch_at


class InvalidBatch(PermanentError):
    """A stored batch violates the raw contract: wrong columns, types, or checksum."""


class SourceChanged(PermanentError):
    """The source returns other rows than those that are already stored under the same name."""


class NotEnoughData(PermanentError):
    """There are too few encounters, patients or outcomes to measure a model."""


class InvalidModel(PermanentError):
    """A model cannot be used: wrong digest, failed parity check, or another feature encoding."""


class UntrustedModel(InvalidModel):
    """A model version that no trusted key has signed as promoted."""


class ModelNotLoaded(ReadmissionError):
    """No model is in memory yet."""


class Busy(ReadmissionError):
    """All places for this kind of work are taken. A later request may find one."""


class InvalidInput(PermanentError):
    """A caller's input is refused. The text names the field and its allowed values, but never the caller's value.

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
    """A request exceeds the allowed number of rows or bytes."""


class Unauthorized(PermanentError):
    """Credentials are missing or wrong, or do not permit what was asked."""


class Forbidden(ReadmissionError):
    """The route is closed to everybody until the operator opens it."""


class Conflict(ReadmissionError):
    """The request contradicts what is stored."""


class NotExplainable(Conflict):
    """The model version has no background sample, so its predictions cannot be explained."""


class NotFound(ReadmissionError):
    """The requested object does not exist."""


class DatabaseUnavailable(ReadmissionError):
    """A database cannot be used now: wrong URL, no server, refused login, or an internal error."""
