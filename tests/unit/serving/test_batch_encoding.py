import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readmission.domain.encoding import encode
from readmission.domain.medication import DERIVED, medication
from readmission.domain.schema import FEATURE_NAMES, FEATURES, Column, Kind
from readmission.errors import InvalidInput
from readmission.http_contract import CSV, JSON, PARQUET
from readmission.prediction.batch_scoring import encoded
from readmission.serving.batch_encoding import encode_batch
from readmission.serving.batch_formats import Batch, read_batch
from readmission.serving.encounter import EXAMPLE, allowed, parse_encounter
from readmission.serving.parquet import read_table


def values_of(column: Column) -> st.SearchStrategy[object]:
    if column.kind is Kind.NUMBER:
        return st.integers(column.low, column.high)
    known = st.sampled_from(allowed(column).get("enum", ["250", "428.1", "V57", "E885"]))
    return known if column.required else st.none() | known


def with_medication(encounter: dict[str, object], left_out: set[str]) -> dict[str, object]:
    derived = dict(zip(DERIVED, medication(encounter), strict=True))
    return encounter | {name: None if name in left_out else value for name, value in derived.items()}


ENCOUNTERS = st.builds(
    with_medication,
    st.fixed_dictionaries({column.name: values_of(column) for column in FEATURES if not column.derived}),
    st.sets(st.sampled_from(DERIVED)),
)


def body_of(rows: list[dict[str, object]], media_type: str) -> bytes:
    frame = pd.DataFrame(rows)
    if media_type == JSON:
        return json.dumps(rows).encode()
    return frame.to_csv(index=False).encode() if media_type == CSV else frame.to_parquet(index=False)


def batch_of(*rows: object) -> Batch:
    return read_batch(json.dumps(rows).encode(), JSON, 100, read_table)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(ENCOUNTERS, min_size=1, max_size=5))
def test_many_encounters_are_encoded_as_each_alone_is(encounters):
    numbers, problems = encode_batch(batch_of(*encounters))

    assert not problems
    np.testing.assert_array_equal(encoded(numbers), encode(encounters))


def test_each_bad_value_is_reported_with_its_row():
    _, problems = encode_batch(batch_of(EXAMPLE, EXAMPLE | {"age": 1, "diag_1": "x"}, EXAMPLE | {"race": "x"}))

    assert {row: {problem["field"] for problem in found} for row, found in problems.items()} == {
        1: {"age", "diag_1"},
        2: {"race"},
    }


@pytest.mark.parametrize("media_type", [JSON, CSV, PARQUET])
def test_a_row_that_contradicts_its_drugs_is_refused_as_it_is_alone(media_type):
    row = EXAMPLE | {"change_medication": "No", "diabetesMed": "No"}
    with pytest.raises(InvalidInput) as alone:
        parse_encounter(json.dumps(row).encode())
    valid = EXAMPLE | {"change_medication": "Ch", "diabetesMed": None}

    _, problems = encode_batch(read_batch(body_of([valid, row], media_type), media_type, 10, read_table))

    assert problems == {1: list(alone.value.problems)}


@pytest.mark.parametrize("media_type", [JSON, CSV, PARQUET])
def test_rows_without_the_four_are_encoded_as_with_the_values_that_they_imply(media_type):
    without = EXAMPLE | {"A1Cresult": None, "max_glu_serum": None}
    implied = {"A1Cresult": "None", "max_glu_serum": "None", "change_medication": "Ch", "diabetesMed": "Yes"}

    numbers, problems = encode_batch(read_batch(body_of([without], media_type), media_type, 10, read_table))

    assert not problems
    np.testing.assert_array_equal(encoded(numbers), encode([EXAMPLE | implied]))


def test_a_refused_drug_does_not_contradict_as_well():
    _, problems = encode_batch(batch_of(EXAMPLE | {"insulin": "Maybe", "metformin": "No", "diabetesMed": "Yes"}))

    assert [problem["field"] for problem in problems[0]] == ["insulin"]


def test_values_that_python_calls_equal_are_told_apart():
    numbers = [{"admission_type_id": value} for value in (1, True, 1.0)]

    matrix, problems = encode_batch(batch_of(*(EXAMPLE | number for number in numbers)))

    assert list(problems) == [1]
    assert np.array_equal(matrix[0], matrix[2], equal_nan=True)


def test_lists_and_objects_as_values_are_problems_of_their_rows():
    _, problems = encode_batch(batch_of(EXAMPLE | {"race": ["Asian"]}, EXAMPLE | {"race": {}}, EXAMPLE))

    assert sorted(problems) == [0, 1]


def test_a_row_whose_form_is_wrong_is_told_only_so():
    _, problems = encode_batch(batch_of(EXAMPLE, 7))

    assert [problem["message"] for problem in problems[1]] == ["must be an object"]


def test_the_order_of_the_columns_is_that_of_the_features():
    numbers, _ = encode_batch(batch_of(dict(reversed(EXAMPLE.items()))))

    assert encoded(numbers)[0, FEATURE_NAMES.index("num_medications")] == EXAMPLE["num_medications"]
