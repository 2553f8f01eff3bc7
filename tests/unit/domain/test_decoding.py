import pytest

from readmission.domain.decoding import decode
from readmission.domain.encoding import UNKNOWN, encode_one
from readmission.domain.example import EXAMPLE
from readmission.domain.schema import FEATURES, Kind


def test_an_encounter_comes_back_as_the_model_sees_it():
    decoded = decode(encode_one(EXAMPLE))

    diagnoses = {"diag_1": "circulatory", "diag_2": "diabetes", "diag_3": "circulatory"}
    assert {name: decoded[name] for name in EXAMPLE} == EXAMPLE | diagnoses
    assert (decoded["glipizide"], decoded["change_medication"], decoded["diabetesMed"]) == ("No", "Ch", "Yes")
    assert decoded["payer_code"] is None


@pytest.mark.parametrize("column", [column for column in FEATURES if column.values], ids=lambda column: column.name)
def test_every_known_value_comes_back(column):
    for value in column.values:
        decoded = decode(encode_one({column.name: value}))[column.name]

        assert decoded == (None if value in column.unknown else value)


def test_what_is_not_a_number_is_unknown():
    assert set(decode([UNKNOWN] * len(FEATURES)).values()) == {None}


def test_a_number_stays_whole():
    decoded = decode(encode_one({column.name: column.high for column in FEATURES if column.kind is Kind.NUMBER}))

    assert [decoded[column.name] for column in FEATURES if column.kind is Kind.NUMBER] == [
        column.high for column in FEATURES if column.kind is Kind.NUMBER
    ]
