import datetime
from collections import Counter

import pandas as pd
import pytest

from readmission.domain.cleaning import CLEAN_COLUMNS, clean, validate_raw
from readmission.domain.schema import COLUMN, COLUMNS, FEATURE_NAMES, NAMES, Kind
from readmission.errors import InvalidBatch

PLAIN = {
    **dict.fromkeys(NAMES),
    **{column.name: column.low for column in COLUMNS if column.kind is Kind.NUMBER},
    "encounter_id": 1,
    "patient_nbr": 10,
    "age": "[70-80)",
    "readmitted": "NO",
}


def _raw(*changes):
    rows = [{**PLAIN, "encounter_id": number, **change} for number, change in enumerate(changes or ({},), start=1)]
    return pd.DataFrame(rows)


def _clean(*changes):
    return clean(validate_raw(_raw(*changes)))


def test_a_valid_batch_has_the_schemas_names_and_types():
    frame = validate_raw(_raw({}, {"race": "Asian", "admission_type_id": 1}))

    assert tuple(frame.columns) == NAMES
    assert frame["admission_type_id"].dtype == "Int64"
    assert frame["race"].dtype == "str"
    assert frame["race"].tolist()[1] == "Asian"
    assert frame["race"].isna().tolist() == [True, False]


def test_the_order_of_the_columns_does_not_matter():
    raw = _raw()

    assert tuple(validate_raw(raw[raw.columns[::-1]]).columns) == NAMES


def test_whole_numbers_in_text_or_floats_are_taken():
    frame = validate_raw(_raw({"time_in_hospital": "3"}, {"time_in_hospital": 4.0}))

    assert frame["time_in_hospital"].tolist() == [3, 4]


def _breach(**change):
    """What the contract says against one changed row; nothing when it takes it."""
    try:
        validate_raw(_raw(change))
    except InvalidBatch as error:
        return str(error)
    return ""


def test_a_value_that_is_no_whole_number_breaks_the_contract():
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    values = ["many", 1.5, float("inf"), "9" * 30, 10**30, True, [1], moment]

    assert [value for value in values if "time_in_hospital" not in _breach(time_in_hospital=value)] == []


def test_a_missing_and_an_unexpected_column_are_named():
    with pytest.raises(InvalidBatch, match=r"missing \['race'\], unexpected \['colour'\]"):
        validate_raw(_raw().rename(columns={"race": "colour"}))


def test_a_repeated_column_is_named():
    raw = _raw()

    with pytest.raises(InvalidBatch, match=r"twice \['race'\]"):
        validate_raw(pd.concat([raw, raw[["race"]]], axis=1))


def test_a_column_without_a_text_name_breaks_the_contract():
    with pytest.raises(InvalidBatch, match=r"missing \['race'\], unexpected \['1'\]"):
        validate_raw(_raw().rename(columns={"race": 1}))


@pytest.mark.parametrize("name", ["encounter_id", "patient_nbr"])
def test_an_identifier_must_be_there(name):
    with pytest.raises(InvalidBatch, match=f"{name} is missing in 1 rows"):
        validate_raw(_raw({}, {name: None}))


def test_an_encounter_must_not_come_twice():
    with pytest.raises(InvalidBatch, match="encounter_id repeats in 1 rows"):
        validate_raw(_raw({"encounter_id": 5}, {"encounter_id": 5}))


def test_a_refusal_tells_no_value_even_with_its_whole_chain():
    with pytest.raises(InvalidBatch) as refusal:
        validate_raw(_raw({"patient_nbr": "Jane Roe"}))

    assert "Jane" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_an_empty_batch_is_valid_and_clean():
    batch = clean(validate_raw(pd.DataFrame(columns=list(NAMES))))

    assert tuple(batch.frame.columns) == CLEAN_COLUMNS
    assert len(batch.frame) == 0
    assert batch.dropped == {}


def test_a_clean_row_has_features_and_both_targets():
    assert (
        "encounter_id",
        "patient_nbr",
        *FEATURE_NAMES,
        "readmitted",
        "readmitted_within_30_days",
    ) == CLEAN_COLUMNS


@pytest.mark.parametrize(("outcome", "any_", "within_30"), [("NO", 0, 0), (">30", 1, 0), ("<30", 1, 1)])
def test_the_outcome_gives_both_targets(outcome, any_, within_30):
    frame = _clean({"readmitted": outcome}).frame

    assert frame["readmitted"].tolist() == [any_]
    assert frame["readmitted_within_30_days"].tolist() == [within_30]


def test_death_and_hospice_are_dropped_and_counted():
    batch = _clean({}, *({"discharge_disposition_id": code} for code in (11, 13, 14, 19, 20, 21)))

    assert batch.frame["encounter_id"].tolist() == [1]
    assert batch.dropped == {"death or hospice": 6}


def test_an_unknown_discharge_is_kept():
    assert len(_clean({"discharge_disposition_id": None}).frame) == 1


def test_a_row_without_a_valid_outcome_is_dropped():
    assert _clean(*({"readmitted": outcome} for outcome in (None, "", "no", "MAYBE"))).dropped == {
        "no valid outcome": 4
    }


def test_a_row_with_an_invalid_value_is_dropped_and_counted_by_its_column():
    invalid = [
        ("age", None),
        ("age", "[70-80]"),
        ("race", "caucasian"),
        ("time_in_hospital", 0),
        ("time_in_hospital", 15),
        ("time_in_hospital", None),
        ("number_inpatient", -1),
        ("diag_1", "I50.9"),
        ("diag_2", "?"),
        ("admission_type_id", 99),
        ("insulin", "Maybe"),
        ("gender", " Female"),
    ]

    batch = _clean({}, *({name: value} for name, value in invalid))

    assert batch.frame["encounter_id"].tolist() == [1]
    assert batch.dropped == Counter(f"invalid {name}" for name, _ in invalid)


def test_a_row_is_counted_under_its_first_reason_only():
    batch = _clean({"discharge_disposition_id": 11, "readmitted": "MAYBE", "age": None})

    assert batch.dropped == {"death or hospice": 1}


def test_values_that_say_unknown_become_null():
    unknown = {
        "gender": "Unknown/Invalid",
        "medical_specialty": "PhysicianNotFound",
        "admission_type_id": 8,
        "discharge_disposition_id": 25,
        "admission_source_id": 21,
    }

    frame = _clean(unknown).frame

    assert frame[list(unknown)].isna().to_numpy().tolist() == [[True] * 5]


def test_a_test_that_was_not_made_stays_a_value():
    assert _clean({"A1Cresult": "None"}).frame["A1Cresult"].tolist() == ["None"]


def test_nothing_is_imputed():
    frame = _clean({}).frame

    assert frame.loc[0, ["race", "gender", "diag_1", "payer_code", "admission_type_id"]].isna().all()


def test_what_is_never_missing_and_left_out_gets_its_default_or_follows_from_the_drugs():
    row = _clean({"glipizide": "Up"}).frame.loc[0]

    assert [name for name in FEATURE_NAMES if COLUMN[name].never_missing and pd.isna(row[name])] == []
    assert row[["insulin", "glipizide", "A1Cresult", "max_glu_serum"]].tolist() == ["No", "Up", "None", "None"]
    assert row[["change_medication", "diabetesMed"]].tolist() == ["Ch", "Yes"]


def test_a_row_that_contradicts_its_drugs_is_dropped_and_counted_by_its_column():
    contradictory = [
        {"diabetesMed": "Yes"},
        {"diabetesMed": "No", "insulin": "Steady"},
        {"change_medication": "Ch", "diabetesMed": "No"},
        {"change_medication": "No", "insulin": "Down"},
        {"change_medication": "No", "insulin": "Steady", "metformin": "Steady"},
    ]

    batch = _clean({}, *contradictory)

    assert batch.frame["encounter_id"].tolist() == [1]
    assert batch.dropped == {"change_medication contradicts the drugs": 3, "diabetesMed contradicts the drugs": 2}


def test_a_drug_that_no_model_uses_is_a_drug_as_well():
    batch = _clean({"examide": "Steady", "diabetesMed": "Yes"}, {"examide": "Steady", "diabetesMed": "No"})

    assert batch.frame["encounter_id"].tolist() == [1]


def test_cleaning_leaves_the_raw_batch_as_it_was():
    raw = validate_raw(_raw({"gender": "Unknown/Invalid"}, {"discharge_disposition_id": 11}))
    before = raw.copy()

    clean(raw)

    pd.testing.assert_frame_equal(raw, before)
