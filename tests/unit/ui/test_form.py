import pytest

from readmission.domain.cohort import DEATH_OR_HOSPICE
from readmission.domain.example import EXAMPLE
from readmission.domain.schema import COLUMN, FEATURE_NAMES, FEATURES, Kind
from readmission.ui.form import GROUPS, choices, missing_fields


def test_every_feature_that_the_others_do_not_determine_stands_in_exactly_one_group():
    grouped = [name for names in GROUPS.values() for name in names]

    assert sorted(grouped) == sorted(set(FEATURE_NAMES) - {"change_medication", "diabetesMed"})


def test_the_form_offers_no_discharge_by_death_or_hospice():
    assert DEATH_OR_HOSPICE.isdisjoint(choices(COLUMN["discharge_disposition_id"]))


def test_unknown_is_a_choice_where_the_data_set_has_it():
    names = ["race", "gender", "admission_type_id", "payer_code"]

    assert [name for name in names if choices(COLUMN[name])[0] is not None] == []


@pytest.mark.parametrize("name", ["age", "insulin", "A1Cresult", "max_glu_serum"])
def test_unknown_is_no_choice_where_the_data_set_never_has_it(name):
    assert None not in choices(COLUMN[name])


def test_codes_that_mean_unknown_are_not_offered_beside_unknown():
    assert {5, 6, 8}.isdisjoint(choices(COLUMN["admission_type_id"]))


def test_missing_required_values_are_named():
    encounter = {**EXAMPLE, "age": None, "number_inpatient": None}

    assert missing_fields(encounter) == ["age", "number_inpatient"]


def test_a_zero_is_not_missing():
    assert missing_fields({**EXAMPLE, "number_inpatient": 0}) == []


def test_the_example_holds_only_what_the_contract_allows():
    columns = [COLUMN[name] for name in EXAMPLE]
    numbers = [column for column in columns if column.kind is Kind.NUMBER]
    listed = [column for column in columns if column.kind not in (Kind.NUMBER, Kind.ICD9)]

    assert [column.name for column in numbers if not column.low <= EXAMPLE[column.name] <= column.high] == []
    assert [column.name for column in listed if EXAMPLE[column.name] not in column.values] == []


def test_the_example_misses_nothing_required():
    assert missing_fields(EXAMPLE) == []
    assert set(EXAMPLE) <= {column.name for column in FEATURES}
