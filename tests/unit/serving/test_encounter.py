import json
from math import isnan

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from readmission.domain.cohort import DEATH_OR_HOSPICE
from readmission.domain.encoding import encode, encode_one
from readmission.domain.medication import DERIVED
from readmission.domain.schema import COLUMN, FEATURE_NAMES, FEATURES, Kind
from readmission.errors import InvalidInput, UnreadableInput
from readmission.serving.encounter import EXAMPLE, Encounter, check_value, parse_encounter

REQUIRED = [column.name for column in FEATURES if column.required]
LISTED_VALUES = sorted({value for column in FEATURES for value in (*column.values, *column.unknown)}, key=str)
# JSON's scalars, and those that stand in the lists of one field or another
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 150)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(LISTED_VALUES)
)


def parse(**changes: object) -> dict[str, object]:
    return parse_encounter(json.dumps(EXAMPLE | changes).encode())


def refused(**changes: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse(**changes)
    return caught.value


def refused_fields(body: bytes) -> tuple[str, ...]:
    """The fields that a body is refused for; none when it is an encounter."""
    try:
        parse_encounter(body)
    except InvalidInput as error:
        return error.fields
    return ()


def not_refused(name: str, values: list[object]) -> list[str]:
    """Those of the values for which a field is not refused, or not it alone."""
    bodies = {repr(value): json.dumps(EXAMPLE | {name: value}).encode() for value in values}
    return [shown for shown, body in bodies.items() if refused_fields(body) != (name,)]


def test_the_example_is_valid_and_can_be_encoded():
    encounter = parse()

    assert len(encode_one(encounter)) == len(FEATURES)
    assert encounter["diag_2"] == "250.02"


def test_a_required_field_that_is_left_out_is_named():
    for name in REQUIRED:
        without = {key: value for key, value in EXAMPLE.items() if key != name}

        with pytest.raises(InvalidInput) as caught:
            parse_encounter(json.dumps(without).encode())

        assert caught.value.fields == (name,)
        assert caught.value.problems[0]["message"].startswith("is required")


def test_a_required_field_cannot_be_null():
    assert [name for name in REQUIRED if not_refused(name, [None])] == []


def test_any_other_field_may_be_null():
    optional = dict.fromkeys(name for name in FEATURE_NAMES if name not in REQUIRED)

    encounter = parse(**optional)

    assert {name: encounter[name] for name in optional} == optional


def test_a_number_out_of_its_range_is_told_the_range():
    for column in (column for column in FEATURES if column.kind is Kind.NUMBER):
        error = refused(**{column.name: column.high + 1})

        assert error.problems[0]["allowed"] == {"type": "integer", "minimum": column.low, "maximum": column.high}
        assert refused(**{column.name: column.low - 1}).fields == (column.name,)


@pytest.mark.parametrize("name", ["time_in_hospital", "admission_type_id"])
def test_only_an_integer_is_an_integer(name):
    assert not_refused(name, ["3", 3.5, True, [3], {"a": 3}, 10**30, 1e300]) == []


@pytest.mark.parametrize("name", ["time_in_hospital", "admission_type_id"])
def test_a_whole_number_may_be_written_as_a_float(name):
    taken = [
        parse_encounter(json.dumps(EXAMPLE | {name: 0}).replace(f'"{name}": 0', f'"{name}": {number}').encode())
        for number in ("3.0", "3e0", "30e-1")
    ]

    assert [(type(encounter[name]), encounter[name]) for encounter in taken] == [(int, 3)] * 3


def test_a_category_outside_of_its_list_is_told_the_list():
    values = ["caucasian", "", "Martian", 1, True, ["Asian"], "Asian\x00"]

    told = [refused(race=value).problems[0]["allowed"]["enum"] for value in values]

    assert told == [list(COLUMN["race"].values)] * len(values)


def test_an_invalid_icd9_code_is_refused():
    codes = ["", "9999", "25O", "250.", "250.123", "V5", "E12", "428 ", "٤٢٨", "None", 428]

    assert not_refused("diag_1", codes) == []


def test_death_and_hospice_are_outside_of_the_cohort():
    problems = {code: refused(discharge_disposition_id=code).problems[0] for code in DEATH_OR_HOSPICE}

    assert [code for code, problem in problems.items() if "outside" not in problem["message"]] == []
    assert [code for code, problem in problems.items() if code in problem["allowed"]["enum"]] == []


def test_a_value_that_means_unknown_is_accepted():
    unknown = {"gender": "Unknown/Invalid", "medical_specialty": "PhysicianNotFound", "admission_type_id": 6}

    encounter = parse(**unknown)

    assert {name: encounter[name] for name in unknown} == unknown


@pytest.mark.parametrize(
    ("raw_name", "name"), [("change", "change_medication"), ("glyburide-metformin", "glyburide_metformin")]
)
def test_the_data_sets_own_spelling_is_accepted(raw_name, name):
    body = EXAMPLE | {raw_name: "Ch" if raw_name == "change" else "No"}

    assert parse_encounter(json.dumps(body).encode())[name] == body[raw_name]


def test_one_field_in_both_spellings_is_refused():
    assert refused(change="Ch", change_medication="Ch").fields == ("change_medication",)


@pytest.mark.parametrize("absent", [{}, dict.fromkeys(["A1Cresult", "max_glu_serum", *DERIVED])])
def test_an_encounter_without_the_four_is_encoded_as_with_the_values_that_they_imply(absent):
    without = {name: value for name, value in EXAMPLE.items() if name not in ("A1Cresult", "max_glu_serum")}
    implied = {"A1Cresult": "None", "max_glu_serum": "None", "change_medication": "Ch", "diabetesMed": "Yes"}

    left_out, sent = (parse_encounter(json.dumps(without | more).encode()) for more in (absent, implied))

    np.testing.assert_array_equal(encode([left_out]), encode([sent]))


def test_no_feature_that_is_left_out_is_encoded_as_training_has_it_not():
    encounter = parse_encounter(json.dumps({name: EXAMPLE[name] for name in REQUIRED}).encode())

    unknown = {column.name for column, number in zip(FEATURES, encode_one(encounter), strict=True) if isnan(number)}

    assert unknown == {column.name for column in FEATURES if not column.never_missing}


def test_a_value_that_contradicts_the_drugs_is_refused_with_the_reason():
    problems = refused(change_medication="No", diabetesMed="No").problems

    assert problems == (
        {
            "field": "change_medication",
            "message": "must be Ch, or left out: the dose goes up or down of insulin",
            "allowed": {"type": "string", "enum": ["Ch"]},
        },
        {
            "field": "diabetesMed",
            "message": "must be Yes, or left out: a drug is given: metformin, insulin",
            "allowed": {"type": "string", "enum": ["Yes"]},
        },
    )


def test_an_invalid_value_is_told_before_a_contradiction():
    assert refused(insulin="Maybe", metformin="No", diabetesMed="Yes").fields == ("insulin",)


def test_a_repeated_key_is_refused():
    body = json.dumps(EXAMPLE)[:-1].encode() + b', "age": "[10-20)"}'

    with pytest.raises(InvalidInput, match="more than once"):
        parse_encounter(body)


def test_a_field_that_no_model_uses_is_named():
    names = ["weight", "encounter_id", "examide", "readmitted", "nonsense"]

    assert [name for name in names if not_refused(name, [1])] == []


def test_a_very_long_field_name_is_cut():
    assert len(refused(**{"x" * 10_000: 1}).fields[0]) == 64


def test_all_problems_are_told_at_once():
    assert set(refused(age=1, race=2, time_in_hospital=99).fields) == {"age", "race", "time_in_hospital"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b"\xff\xfe", b"[" * 10_000, b'{"a":' * 10_000, b"\xef\xbb\xbf{}"],
    ids=lambda body: repr(body[:9]),
)
def test_what_is_no_json_is_unreadable(body):
    with pytest.raises(UnreadableInput):
        parse_encounter(body)


def test_numbers_that_are_no_integers_are_refused():
    numbers = ["NaN", "Infinity", "-Infinity", "1e400", "-0.0", "5.5e0"]
    bodies = [json.dumps(EXAMPLE).replace('"time_in_hospital": 5', f'"time_in_hospital": {n}') for n in numbers]

    assert [refused_fields(body.encode()) for body in bodies] == [("time_in_hospital",)] * len(numbers)


def test_what_is_no_object_is_refused():
    for body in (b"[]", b"null", b'"text"', b"3"):
        with pytest.raises(InvalidInput, match="JSON object"):
            parse_encounter(body)


def test_no_problem_repeats_the_callers_value():
    error = refused(race="Secret Name", time_in_hospital=987654, diag_1="secret")

    assert "Secret" not in f"{error} {error.problems}"
    assert "987654" not in f"{error} {error.problems}"
    assert "secret" not in f"{error} {error.problems}"


def test_openapi_gives_each_field_its_description():
    schema = Encounter.model_json_schema()

    shown = {name: field["description"] for name, field in schema["properties"].items()}

    assert shown == {column.name: column.description for column in FEATURES}
    assert sorted(schema["required"]) == sorted(REQUIRED)


def test_openapi_gives_each_field_its_limits():
    shown = Encounter.model_json_schema()["properties"]
    numbers = [column for column in FEATURES if column.kind is Kind.NUMBER]
    listed = [column for column in FEATURES if column.kind not in (Kind.NUMBER, Kind.ICD9)]

    ranges = {column.name: (shown[column.name]["minimum"], shown[column.name]["maximum"]) for column in numbers}
    enums = {name: (field.get("anyOf") or [field])[0].get("enum") for name, field in shown.items()}
    left_out = {column.name: set(column.values) - DEATH_OR_HOSPICE - {*enums[column.name]} for column in listed}

    assert ranges == {column.name: (column.low, column.high) for column in numbers}
    assert {name: values for name, values in left_out.items() if values} == {}


@given(SCALARS)
@example(1)
@example(1.0)
@example(11)
@example("[0-10)")
@example("250")
@example("")
@example("3")
def test_a_value_is_judged_alike_alone_and_in_an_encounter(value):
    # a derived feature is judged together with the drugs
    columns = [column for column in FEATURES if not column.derived]
    bodies = {column.name: json.dumps(EXAMPLE | {column.name: value}).encode() for column in columns}
    alone = {column.name: (column.name,) if check_value(column, value) else () for column in columns}

    in_encounter = {name: refused_fields(body) for name, body in bodies.items()}

    assert in_encounter == alone
    taken = {name: parse_encounter(body)[name] for name, body in bodies.items() if not alone[name]}
    assert taken == dict.fromkeys(taken, value)
