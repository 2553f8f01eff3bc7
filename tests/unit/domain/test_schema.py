import pytest

from readmission.domain.schema import (
    COLUMN,
    COLUMNS,
    FEATURE_NAMES,
    FEATURES,
    NAME_OF_RAW,
    NAMES,
    RAW_NAMES,
    Kind,
)


def test_an_encounter_has_fifty_columns():
    assert len(COLUMNS) == len(set(NAMES)) == len(set(RAW_NAMES)) == 50


def test_the_first_and_last_columns_are_those_of_the_source():
    assert RAW_NAMES[:3] == ("encounter_id", "patient_nbr", "race")
    assert RAW_NAMES[-3:] == ("change", "diabetesMed", "readmitted")


def test_a_name_can_be_a_column_of_a_table_and_a_field_of_a_program():
    assert [name for name in NAMES if not name.isidentifier()] == []


def test_only_hyphens_and_change_differ_from_the_source():
    renamed = {raw: name for raw, name in NAME_OF_RAW.items() if raw != name}

    assert renamed.pop("change") == "change_medication"
    assert all(name == raw.replace("-", "_") for raw, name in renamed.items())
    assert len(renamed) == 5


def test_identifiers_outcome_and_empty_columns_are_no_features():
    others = {"encounter_id", "patient_nbr", "readmitted", "weight", "examide", "citoglipton"}

    assert others - set(NAMES) == set()
    assert others & set(FEATURE_NAMES) == set()


def test_there_are_forty_four_features():
    assert len(FEATURES) == 44


def test_a_column_says_what_it_may_hold():
    described = {column.name for column in COLUMNS if column.description.endswith(".")}
    listed = {column.name for column in COLUMNS if column.values}
    bounded = {column.name for column in COLUMNS if column.low < column.high}

    assert described == set(NAMES)
    assert listed == {"weight", *(column.name for column in COLUMNS if column.kind in (Kind.CATEGORY, Kind.CODE))}
    assert bounded == {column.name for column in COLUMNS if column.kind is Kind.NUMBER}


def test_a_test_that_was_not_made_is_a_value_and_not_unknown():
    for name in ("max_glu_serum", "A1Cresult"):
        assert "None" in COLUMN[name].values
        assert COLUMN[name].unknown == ()


def test_what_is_never_missing_is_required_or_has_a_default_or_is_derived():
    ways = {column.name: [column.required, column.default is not None, column.derived] for column in FEATURES}

    assert [name for name, found in ways.items() if sum(found) != COLUMN[name].never_missing] == []


def test_a_default_is_a_value_of_its_column():
    assert [column.name for column in COLUMNS if column.default and column.default not in column.values] == []


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("admission_type_id", {5, 6, 8}),
        ("discharge_disposition_id", {18, 25, 26}),
        ("admission_source_id", {9, 15, 17, 20, 21}),
    ],
)
def test_codes_that_mean_unknown_are_those_of_the_source(name, codes):
    assert set(COLUMN[name].unknown) == codes
