import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readmission.domain.medication import DRUG_FEATURES, contradictions, medication, medication_numbers
from readmission.domain.schema import COLUMN, DOSES

DRUGS_OF_A_PATIENT = st.dictionaries(st.sampled_from(DRUG_FEATURES), st.sampled_from([*DOSES, None]), max_size=5)


@pytest.mark.parametrize(
    ("drugs", "change", "given_"),
    [
        ({}, "No", "No"),
        ({"insulin": "No", "metformin": None}, "No", "No"),
        ({"insulin": "Steady"}, "No", "Yes"),
        ({"insulin": "Up"}, "Ch", "Yes"),
        ({"insulin": "Down"}, "Ch", "Yes"),
        ({"insulin": "Steady", "glyburide_metformin": "Steady"}, "Ch", "Yes"),
    ],
)
def test_the_drugs_determine_whether_a_medication_is_given_and_changed(drugs, change, given_):
    assert medication(drugs) == (change, given_)


@given(DRUGS_OF_A_PATIENT)
def test_many_encounters_have_the_same_rule_as_one(drugs):
    positions = np.array([[DOSES.index(drugs.get(name) or "No") for name in DRUG_FEATURES]])

    ((change, given_),) = medication_numbers(positions)

    values = COLUMN["change_medication"].values[change], COLUMN["diabetesMed"].values[given_]
    assert values == medication(drugs)


@given(DRUGS_OF_A_PATIENT, st.sampled_from(["No", "Ch", None]), st.sampled_from(["No", "Yes", None]))
def test_only_another_value_than_the_drugs_determine_contradicts_them(drugs, change, given_):
    told = {"change_medication": change, "diabetesMed": given_}
    expected = dict(zip(told, medication(drugs), strict=True))

    found = {name: right for name, right, _ in contradictions(drugs | told)}

    assert found == {name: right for name, right in expected.items() if told[name] not in (None, right)}


@pytest.mark.parametrize(
    ("encounter", "reason"),
    [
        ({"diabetesMed": "Yes"}, "no drug is given"),
        ({"diabetesMed": "No", "insulin": "Steady", "metformin": "Up"}, "a drug is given: metformin, insulin"),
        ({"change_medication": "Ch"}, "no drug is given"),
        ({"change_medication": "Ch", "insulin": "Steady"}, "only insulin is given, at a steady dose"),
        (
            {"change_medication": "No", "insulin": "Steady", "metformin": "Up"},
            "the dose goes up or down of metformin",
        ),
        (
            {"change_medication": "No", "insulin": "Steady", "metformin": "Steady"},
            "more than one drug is given: metformin, insulin",
        ),
    ],
)
def test_a_contradiction_names_the_drugs(encounter, reason):
    assert [found.reason for found in contradictions(encounter)] == [reason]
