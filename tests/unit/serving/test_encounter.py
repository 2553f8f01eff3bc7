import json

import pytest

from readmission.domain.cohort import DEATH_OR_HOSPICE
from readmission.domain.encoding import encode_one
from readmission.domain.schema import COLUMN, FEATURE_NAMES, FEATURES, Kind
from readmission.errors import InvalidInput, UnreadableInput
from readmission.serving.encounter import EXAMPLE, Encounter, check_value, parse_encounter

REQUIRED = [column.name for column in FEATURES if column.required]


def parse(**changes: object) -> dict[str, object]:
    return parse_encounter(json.dumps(EXAMPLE | changes).encode())


def refused(**changes: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse(**changes)
    return caught.value


def test_the_example_is_valid_and_can_be_encoded():
    encounter = parse()

    assert len(encode_one(encounter)) == len(FEATURES)
    assert encounter["diag_2"] == "250.02"


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_field_that_is_left_out_is_named(name):
    without = {key: value for key, value in EXAMPLE.items() if key != name}

    with pytest.raises(InvalidInput) as caught:
        parse_encounter(json.dumps(without).encode())

    assert caught.value.fields == (name,)
    assert caught.value.problems[0]["message"].startswith("is required")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_field_cannot_be_null(name):
    assert refused(**{name: None}).fields == (name,)


@pytest.mark.parametrize("name", [name for name in FEATURE_NAMES if name not in REQUIRED])
def test_any_other_field_may_be_null(name):
    assert parse(**{name: None})[name] is None


@pytest.mark.parametrize("column", [column for column in FEATURES if column.kind is Kind.NUMBER], ids=lambda c: c.name)
def test_a_number_out_of_its_range_is_told_the_range(column):
    error = refused(**{column.name: column.high + 1})

    assert error.problems[0]["allowed"] == {"type": "integer", "minimum": column.low, "maximum": column.high}
    assert refused(**{column.name: column.low - 1}).fields == (column.name,)


@pytest.mark.parametrize("name", ["time_in_hospital", "admission_type_id"])
@pytest.mark.parametrize("value", ["3", 3.0, 3.5, True, [3], {"a": 3}, 10**30], ids=repr)
def test_only_an_integer_is_an_integer(name, value):
    assert refused(**{name: value}).fields == (name,)


@pytest.mark.parametrize("value", ["caucasian", "", "Martian", 1, True, ["Asian"], "Asian\x00"], ids=repr)
def test_a_category_outside_of_its_list_is_told_the_list(value):
    assert refused(race=value).problems[0]["allowed"]["enum"] == list(COLUMN["race"].values)


@pytest.mark.parametrize(
    "code", ["", "9999", "25O", "250.", "250.123", "V5", "E12", "428 ", "٤٢٨", "None", 428], ids=repr
)
def test_an_invalid_icd9_code_is_refused(code):
    assert refused(diag_1=code).fields == ("diag_1",)


@pytest.mark.parametrize("code", sorted(DEATH_OR_HOSPICE))
def test_death_and_hospice_are_outside_of_the_cohort(code):
    error = refused(discharge_disposition_id=code)

    assert "outside" in error.problems[0]["message"]
    assert code not in error.problems[0]["allowed"]["enum"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("gender", "Unknown/Invalid"), ("medical_specialty", "PhysicianNotFound"), ("admission_type_id", 6)],
)
def test_a_value_that_means_unknown_is_accepted(name, value):
    assert parse(**{name: value})[name] == value


@pytest.mark.parametrize(
    ("raw_name", "name"), [("change", "change_medication"), ("glyburide-metformin", "glyburide_metformin")]
)
def test_the_data_sets_own_spelling_is_accepted(raw_name, name):
    body = {key: value for key, value in EXAMPLE.items() if key != name} | {raw_name: "No"}

    assert parse_encounter(json.dumps(body).encode())[name] == "No"


def test_one_field_in_both_spellings_is_refused():
    assert refused(change="No").fields == ("change_medication",)


def test_a_repeated_key_is_refused():
    body = json.dumps(EXAMPLE)[:-1].encode() + b', "age": "[10-20)"}'

    with pytest.raises(InvalidInput, match="more than once"):
        parse_encounter(body)


@pytest.mark.parametrize("name", ["weight", "encounter_id", "examide", "readmitted", "nonsense"])
def test_a_field_that_no_model_uses_is_named(name):
    assert refused(**{name: 1}).fields == (name,)


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


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-0.0", "5e0"])
def test_numbers_that_are_no_integers_are_refused(number):
    body = json.dumps(EXAMPLE).replace('"time_in_hospital": 5', f'"time_in_hospital": {number}')

    with pytest.raises(InvalidInput) as caught:
        parse_encounter(body.encode())

    assert caught.value.fields == ("time_in_hospital",)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"3"])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(InvalidInput, match="JSON object"):
        parse_encounter(body)


def test_no_problem_repeats_the_callers_value():
    error = refused(race="Secret Name", time_in_hospital=987654, diag_1="secret")

    assert "Secret" not in f"{error} {error.problems}"
    assert "987654" not in f"{error} {error.problems}"
    assert "secret" not in f"{error} {error.problems}"


@pytest.mark.parametrize("column", FEATURES, ids=lambda column: column.name)
def test_openapi_gives_each_field_its_description_and_limits(column):
    shown = Encounter.model_json_schema()["properties"][column.name]

    assert shown["description"] == column.description
    assert (column.name in Encounter.model_json_schema()["required"]) == column.required
    if column.kind is Kind.NUMBER:
        assert (shown["minimum"], shown["maximum"]) == (column.low, column.high)
    elif column.kind is not Kind.ICD9:
        assert set(shown["enum"]) >= set(column.values) - DEATH_OR_HOSPICE


@pytest.mark.parametrize("column", FEATURES, ids=lambda column: column.name)
@pytest.mark.parametrize("value", [None, True, 1, 1.0, 2, 11, 99, -1, "No", "[0-10)", "250", "x", "", "3"], ids=repr)
def test_a_value_is_judged_alike_alone_and_in_an_encounter(column, value):
    alone = check_value(column, value)

    body = json.dumps(EXAMPLE | {column.name: value}).encode()
    if alone is None:
        assert parse_encounter(body)[column.name] == value
    else:
        with pytest.raises(InvalidInput) as caught:
            parse_encounter(body)
        assert caught.value.fields == (column.name,)
