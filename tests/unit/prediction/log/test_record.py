"""Lines of the log: what goes in comes out, and damage is seen."""

from datetime import datetime

import pytest

from readmission.errors import InvalidInput
from readmission.prediction.log.record import parse_record, payload_of, to_line


def test_a_record_comes_back_as_it_was(prediction):
    record = prediction()

    line = to_line(record)

    assert line.count(b"\n") == 1
    assert parse_record(payload_of(line)) == record


def test_a_line_that_ends_anywhere_too_early_is_seen(prediction):
    line = to_line(prediction())

    assert [length for length in range(len(line)) if payload_of(line[:length]) is not None] == []


def test_a_line_with_one_changed_byte_is_seen(prediction):
    line = bytearray(to_line(prediction()))

    line[40] ^= 1

    assert payload_of(bytes(line)) is None


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"prediction_id": 1}', b"\x00\xff"])
def test_what_is_no_prediction_is_refused(payload):
    with pytest.raises(InvalidInput):
        parse_record(payload)


def test_a_number_that_is_not_finite_is_refused(prediction):
    payload = payload_of(to_line(prediction(probability=float("nan"))))

    with pytest.raises(InvalidInput):
        parse_record(payload)


def test_a_time_without_a_zone_is_refused(prediction):
    payload = payload_of(to_line(prediction(created_at=datetime(2026, 11, 3))))

    with pytest.raises(InvalidInput):
        parse_record(payload)


def test_the_refusal_quotes_no_value(prediction):
    payload = payload_of(to_line(prediction(prediction="Secret")))

    with pytest.raises(InvalidInput) as caught:
        parse_record(payload)

    assert "Secret" not in str(caught.value)
