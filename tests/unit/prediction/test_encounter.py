"""The fast reader reads what the request model reads, and accepts nothing that it refuses."""

import json
import random

import numpy as np
import pytest

from readmission.domain.encoding import encode
from readmission.domain.example import EXAMPLE
from readmission.domain.schema import FEATURES, Kind
from readmission.errors import InvalidInput
from readmission.prediction.encounter import EncounterReader
from readmission.prediction.scoring import encoded
from readmission.serving.encounter import parse_encounter

ODD = (
    "3.0",
    "1e1",
    "-0",
    "-0.0",
    "true",
    "null",
    '"1"',
    "[]",
    "{}",
    "01",
    "1E400",
    "NaN",
    '"\\ud800"',
    "99999999999999",
)
TOKENS = (*ODD, ":", ",", "}", "{", '"', "\\", "\n", " ", "\ufeff", "\x00", '"race":null,', '"change":"Ch",')


class Slow:
    """The request model, which counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, body: bytes) -> dict[str, object]:
        self.asked += 1
        return parse_encounter(body)


def random_encounter(source: random.Random) -> dict[str, object]:
    """Valid values of most features, some of them null."""
    found: dict[str, object] = {}
    for column in FEATURES:
        if column.derived or (not column.required and source.random() < 0.2):
            continue
        if column.kind is Kind.NUMBER:
            found[column.name] = source.randint(column.low, column.high)
        elif column.kind is Kind.ICD9:
            found[column.name] = source.choice(["428", "250.83", "V57", "E885", "8", None])
        else:
            found[column.name] = source.choice([*column.values, *column.unknown])
    return found | {"discharge_disposition_id": source.choice([1, 3, 6, 25])}


def test_an_ordinary_body_is_read_without_the_request_model():
    slow = Slow()

    EncounterReader(slow).read(json.dumps(EXAMPLE).encode())

    assert slow.asked == 0


def test_it_encodes_as_the_encoder_does():
    source, slow = random.Random(0), Slow()
    reader = EncounterReader(slow)
    bodies = [json.dumps(random_encounter(source)).encode() for _ in range(2000)]

    found = [encoded(reader.read(body)) for body in bodies]

    assert np.array_equal(np.concatenate(found), encode([parse_encounter(body) for body in bodies]), equal_nan=True)
    assert slow.asked == 0


def test_the_features_are_those_that_were_given():
    body = json.dumps(EXAMPLE | {"race": None}).encode()

    found = EncounterReader(parse_encounter).read(body)

    assert found.features() == {name: value for name, value in EXAMPLE.items() if name != "race"}


def test_the_raw_spelling_of_a_drug_is_read_by_the_request_model():
    body = json.dumps(EXAMPLE | {"glyburide-metformin": "Steady"}).encode()

    found = EncounterReader(parse_encounter).read(body)

    assert found.features()["glyburide_metformin"] == "Steady"


@pytest.mark.parametrize(
    "change",
    [{"diag_1": "abc"}, {"discharge_disposition_id": 11}, {"time_in_hospital": 15}, {"diabetesMed": "No"}, {"x": 1}],
)
def test_a_refused_body_raises_what_the_request_model_raises(change):
    body = json.dumps(EXAMPLE | change).encode()
    with pytest.raises(InvalidInput) as expected:
        parse_encounter(body)

    with pytest.raises(InvalidInput) as found:
        EncounterReader(parse_encounter).read(body)

    assert (str(found.value), found.value.problems) == (str(expected.value), expected.value.problems)


def test_it_accepts_nothing_that_the_request_model_refuses():
    source = random.Random(1)
    reader = EncounterReader(_refuse)
    read = 0

    for _ in range(20_000):
        body = mutated(json.dumps(random_encounter(source)), source).encode("utf-8", "surrogatepass")
        try:
            found = reader.read(body)
        except _AskedError:
            continue
        read += 1
        expected = parse_encounter(body)
        assert found.features() == {name: value for name, value in expected.items() if value is not None}

    assert read > 200


class _AskedError(Exception):
    pass


def _refuse(_: bytes) -> dict[str, object]:
    raise _AskedError


def mutated(text: str, source: random.Random) -> str:
    """The text with one or two places replaced by, or extended with, something odd."""
    for _ in range(source.randint(1, 2)):
        at = source.randrange(len(text) + 1)
        if source.random() < 0.4:
            colon = text.find(":", at)
            end = min(found for sign in ",}" if (found := text.find(sign, colon)) >= 0) if colon >= 0 else at
            text = text[: colon + 1] + source.choice(ODD) + text[end:]
        else:
            text = text[:at] + source.choice(TOKENS) + text[at + source.choice([0, 0, 1]) :]
    return text
