import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from readmission.domain.encoding import encode
from readmission.domain.schema import FEATURE_NAMES, FEATURES, Column, Kind
from readmission.http_contract import JSON
from readmission.serving.batch_encoding import encode_batch
from readmission.serving.batch_formats import Batch, read_batch
from readmission.serving.encounter import EXAMPLE, allowed


def values_of(column: Column) -> st.SearchStrategy[object]:
    if column.kind is Kind.NUMBER:
        return st.integers(column.low, column.high)
    known = st.sampled_from(allowed(column).get("enum", ["250", "428.1", "V57", "E885"]))
    return known if column.required else st.none() | known


ENCOUNTERS = st.fixed_dictionaries({column.name: values_of(column) for column in FEATURES})


def batch_of(*rows: object) -> Batch:
    return read_batch(json.dumps(rows).encode(), JSON, 100)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(ENCOUNTERS, min_size=1, max_size=5))
def test_many_encounters_are_encoded_as_each_alone_is(encounters):
    matrix, problems = encode_batch(batch_of(*encounters))

    assert not problems
    np.testing.assert_array_equal(matrix, encode(encounters))


def test_each_bad_value_is_reported_with_its_row():
    _, problems = encode_batch(batch_of(EXAMPLE, EXAMPLE | {"age": 1, "diag_1": "x"}, EXAMPLE | {"race": "x"}))

    assert {row: {problem["field"] for problem in found} for row, found in problems.items()} == {
        1: {"age", "diag_1"},
        2: {"race"},
    }


def test_values_that_python_calls_equal_are_told_apart():
    numbers = [{"admission_type_id": value} for value in (1, True, 1.0)]

    _, problems = encode_batch(batch_of(*(EXAMPLE | number for number in numbers)))

    assert list(problems) == [1, 2]


def test_lists_and_objects_as_values_are_problems_of_their_rows():
    _, problems = encode_batch(batch_of(EXAMPLE | {"race": ["Asian"]}, EXAMPLE | {"race": {}}, EXAMPLE))

    assert sorted(problems) == [0, 1]


def test_a_row_whose_form_is_wrong_is_told_only_so():
    _, problems = encode_batch(batch_of(EXAMPLE, 7))

    assert [problem["message"] for problem in problems[1]] == ["must be an object"]


def test_the_order_of_the_columns_is_that_of_the_features():
    matrix, _ = encode_batch(batch_of(dict(reversed(EXAMPLE.items()))))

    assert matrix[0, FEATURE_NAMES.index("num_medications")] == EXAMPLE["num_medications"]
