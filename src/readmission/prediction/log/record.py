"""One record of the log as one line: a checksum, a space, and the prediction as JSON."""

from zlib import crc32

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from readmission.adapters.database.inference import PredictionRecord
from readmission.errors import InvalidInput

_CHECKSUM_BYTES = 8
_RECORD = TypeAdapter(PredictionRecord)


def to_line(record: PredictionRecord | bytes) -> bytes:
    """The line of a record, with its line feed; bytes are the record's JSON on one line.

    Raises ``ValueError`` for a record that JSON cannot hold.
    """
    payload = record if isinstance(record, bytes) else to_json(record)
    return b"%08x %b\n" % (crc32(payload), payload)


def payload_of(line: bytes) -> bytes | None:
    """The JSON of a whole line; None for a line that was not written to its end, or was changed."""
    checksum, payload = line[:_CHECKSUM_BYTES], line[_CHECKSUM_BYTES + 1 : -1]
    return payload if line.endswith(b"\n") and checksum == b"%08x" % crc32(payload) else None


def parse_record(payload: bytes) -> PredictionRecord:
    """The record of a line's JSON.

    Raises :class:`InvalidInput` when it is none, has a number that is not finite or a time without a zone.
    """
    try:
        record = _RECORD.validate_python(from_json(payload, allow_inf_nan=False))
    except ValueError as error:
        # its text may quote a value of the patient
        raise InvalidInput(f"a line of the log is no prediction: {type(error).__name__}") from None
    if record.created_at.tzinfo is None:
        raise InvalidInput("created_at must have a time zone")
    return record
