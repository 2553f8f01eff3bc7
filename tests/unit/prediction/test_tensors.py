"""Hostile and ordinary tensors. A request that is refused never repeats a value."""

import struct

import numpy as np
import pytest

from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import InvalidInput, TooLarge, UnreadableInput
from readmission.prediction.tensors import Tensor, columns_of, strings_to_bytes

MAX_ROWS = 100


def age(values=("[70-80)",), shape=None, datatype="BYTES", name="age"):
    return Tensor(name, datatype, [len(values)] if shape is None else shape, values)


def days(values, datatype="INT64"):
    layout = {"INT64": "<i8", "INT32": "<i4", "UINT8": "<u1", "FP32": "<f4", "FP64": "<f8"}[datatype]
    return Tensor("time_in_hospital", datatype, [len(values)], np.array(values, layout).tobytes())


def column(tensor, name):
    return columns_of([tensor], MAX_ROWS)[1][name]


def test_every_feature_has_a_column_and_those_left_out_are_unknown():
    rows, columns = columns_of([age(("[70-80)", "[0-10)"))], MAX_ROWS)

    assert rows == 2
    assert tuple(columns) == FEATURE_NAMES
    assert columns["age"] == ["[70-80)", "[0-10)"]
    assert columns["race"] == [None, None]


@pytest.mark.parametrize("datatype", ["INT64", "INT32", "UINT8", "FP32", "FP64"])
def test_a_whole_number_may_come_in_any_numeric_datatype(datatype):
    assert column(days([3, 14], datatype), "time_in_hospital") == [3, 14]


def test_nan_is_unknown_and_a_fraction_stays_one_so_that_the_rules_refuse_it():
    found = column(days([float("nan"), 2.5, float("inf")], "FP64"), "time_in_hospital")

    assert found == [None, 2.5, float("inf")]


def test_an_empty_string_is_unknown():
    raw = Tensor("race", "BYTES", [2], strings_to_bytes(["", "Asian"]))

    assert column(raw, "race") == [None, "Asian"]
    assert column(age(("", None), name="race"), "race") == [None, None]


def test_json_may_nest_the_values_of_a_column_or_not():
    assert column(age([["[0-10)"], ["[70-80)"]], [2, 1]), "age") == ["[0-10)", "[70-80)"]
    assert column(age(["[0-10)", "[70-80)"], [2, 1]), "age") == ["[0-10)", "[70-80)"]


def test_the_names_of_the_data_set_are_names_of_tensors_too():
    assert column(age(("Steady",), name="glyburide-metformin"), "glyburide_metformin") == ["Steady"]


@pytest.mark.parametrize("shape", [[], [0], [-1], [1, 2], [1, 1, 1], [1, 0], [-(2**62)]])
def test_a_shape_that_is_no_column_is_refused(shape):
    with pytest.raises(InvalidInput, match="must have the shape"):
        columns_of([age(("[70-80)",), shape)], MAX_ROWS)


@pytest.mark.parametrize("shape", [[MAX_ROWS + 1], [2**62, 1]])
def test_more_rows_than_allowed_are_refused_before_the_data_are_read(shape):
    with pytest.raises(TooLarge):
        columns_of([Tensor("age", "BYTES", shape, b"")], MAX_ROWS)


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("time_in_hospital", "INT64", [2], b"\0" * 8),
        Tensor("time_in_hospital", "INT64", [1], b"\0" * 9),
        Tensor("time_in_hospital", "FP32", [1], b""),
        Tensor("age", "BYTES", [1], b""),
        Tensor("age", "BYTES", [1], b"\1\0"),
        Tensor("age", "BYTES", [1], struct.pack("<i", -1) + b"[70-80)"),
        Tensor("age", "BYTES", [1], struct.pack("<I", 2**32 - 1)),
        Tensor("age", "BYTES", [2], struct.pack("<I", 1) + b"a"),
        Tensor("age", "BYTES", [1], struct.pack("<I", 1) + b"ab"),
        Tensor("age", "BYTES", [3], ["a", "b"]),
        Tensor("age", "BYTES", [1], []),
    ],
    ids=lambda tensor: f"{tensor.datatype} {tensor.shape} {tensor.values!r:.30}",
)
def test_data_that_are_not_those_of_the_shape_are_refused(tensor):
    with pytest.raises(UnreadableInput, match="are not those of its shape"):
        columns_of([tensor], MAX_ROWS)


def test_broken_utf_8_is_refused_with_its_row():
    with pytest.raises(UnreadableInput, match=r"^row 1, race: is not UTF-8$"):
        columns_of([age((b"Asian", b"\xff\xfe"), name="race")], MAX_ROWS)


def test_a_value_that_is_a_list_or_an_object_is_refused_with_its_row():
    for value in ([["a"]], {"a": 1}, ["a", "b"]):
        with pytest.raises(InvalidInput, match="row 0, age: must be one value"):
            columns_of([age([value])], MAX_ROWS)


@pytest.mark.parametrize("name", ["weight", "encounter_id", "readmitted", "", "x" * 500])
def test_a_tensor_that_is_no_feature_is_refused(name):
    with pytest.raises(InvalidInput, match="is not a feature") as refusal:
        columns_of([age(name=name)], MAX_ROWS)

    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(("name", "datatype"), [("age", "INT64"), ("diag_1", "FP32"), ("num_procedures", "BYTES")])
def test_another_datatype_than_the_features_is_refused(name, datatype):
    with pytest.raises(InvalidInput, match=f"the tensor {name} must have one of the datatypes"):
        columns_of([Tensor(name, datatype, [1], b"")], MAX_ROWS)


def test_a_datatype_that_does_not_exist_is_refused():
    with pytest.raises(InvalidInput, match="must have one of the datatypes: BYTES"):
        columns_of([age(datatype="FLOAT")], MAX_ROWS)


def test_a_feature_that_is_given_twice_is_refused_under_both_its_names():
    with pytest.raises(InvalidInput, match="change_medication is given more than once"):
        columns_of([age(("No",), name="change"), age(("No",), name="change_medication")], MAX_ROWS)


def test_tensors_of_different_lengths_are_refused():
    with pytest.raises(InvalidInput, match="race has another number of rows than the first one, 1"):
        columns_of([age(), age(("Asian", "Other"), name="race")], MAX_ROWS)


def test_a_request_without_tensors_is_refused():
    with pytest.raises(InvalidInput, match="no inputs"):
        columns_of([], MAX_ROWS)
