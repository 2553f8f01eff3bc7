import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readmission.domain.encoding import (
    ENCODING_DIGEST,
    ICD9_GROUPS,
    encode,
    encode_one,
    fill_derived,
    icd9_group,
    is_icd9,
)
from readmission.domain.medication import DERIVED, DRUG_FEATURES, medication
from readmission.domain.schema import COLUMN, FEATURE_NAMES, FEATURES


def _value(name, value):
    return encode_one({name: value})[FEATURE_NAMES.index(name)]


def test_an_icd9_code_is_recognised():
    codes = ["428", "250.83", "250.8", "V57", "V45.81", "E885", "E885.9", "8", "38"]

    assert [code for code in codes if not is_icd9(code)] == []


def test_anything_else_is_no_icd9_code():
    others = [
        "",
        "?",
        " 428",
        "428 ",
        "428\n",
        "4280",
        "250.",
        "250.834",
        ".83",
        "V5",
        "V577",
        "E88",
        "v57",
        "-42",
        "4e2",
        "I50.9",
        "٤٢٨",
        "1" * 10_000,
    ]

    assert [code for code in others if is_icd9(code)] == []


def test_a_code_belongs_to_its_disease_group():
    groups = {
        "390": "circulatory",
        "459.9": "circulatory",
        "785": "circulatory",
        "460": "respiratory",
        "519": "respiratory",
        "786.5": "respiratory",
        "520": "digestive",
        "579": "digestive",
        "787": "digestive",
        "250": "diabetes",
        "250.83": "diabetes",
        "800": "injury",
        "999": "injury",
        "710": "musculoskeletal",
        "739": "musculoskeletal",
        "580": "genitourinary",
        "629": "genitourinary",
        "788": "genitourinary",
        "140": "neoplasms",
        "239": "neoplasms",
        "240": "other",
        "249": "other",
        "251": "other",
        "389": "other",
        "784": "other",
        "789": "other",
        "38": "other",
        "V57": "other",
        "E885": "other",
    }

    assert {code: icd9_group(code) for code in groups} == groups


@given(st.from_regex(r"\A(V[0-9]{2}|E[0-9]{3}|[0-9]{1,3})(\.[0-9])?\Z"))
def test_every_code_has_a_group(code):
    assert is_icd9(code)
    assert icd9_group(code) in ICD9_GROUPS


def test_a_category_becomes_its_position_in_the_contract():
    assert _value("age", "[0-10)") == 0.0
    assert _value("age", "[90-100)") == 9.0
    assert _value("A1Cresult", "None") == 0.0
    assert _value("A1Cresult", ">8") == 3.0


def test_a_code_and_a_number_stay_as_they_are():
    assert _value("admission_source_id", 7) == 7.0
    assert _value("number_inpatient", 3) == 3.0


def test_a_diagnosis_becomes_its_group():
    assert _value("diag_1", "250.83") == float(ICD9_GROUPS.index("diabetes"))


def test_a_drug_that_is_left_out_was_not_given():
    assert len(DRUG_FEATURES) == 21
    assert [name for name in DRUG_FEATURES if _value(name, None) != _value(name, "No")] == []


def test_a_test_that_is_left_out_was_not_measured():
    tests = ["A1Cresult", "max_glu_serum"]

    assert [name for name in tests if _value(name, None) != _value(name, "None")] == []


@pytest.mark.parametrize("drugs", [{}, {"insulin": "Steady"}, {"insulin": "Up"}, {"insulin": None, "metformin": "No"}])
def test_what_the_drugs_determine_is_encoded_as_if_it_were_given(drugs):
    whole = drugs | dict(zip(DERIVED, medication(drugs), strict=True))

    np.testing.assert_array_equal(encode([drugs, drugs | dict.fromkeys(DERIVED)]), encode([whole, whole]))


def test_a_matrix_gets_what_its_drugs_determine():
    encounters = [{}, {"insulin": "Steady"}, {"insulin": "Down"}, {"insulin": "Steady", "metformin": "Steady"}]
    matrix = encode(encounters)
    matrix[:, [FEATURE_NAMES.index(name) for name in DERIVED]] = np.nan

    filled = fill_derived(matrix)

    np.testing.assert_array_equal(filled, encode(encounters))


def test_what_may_be_unknown_is_nan():
    others = [column.name for column in FEATURES if not column.never_missing]

    assert [name for name in others if not math.isnan(_value(name, None))] == []


def test_values_that_say_unknown_are_unknown():
    values = {
        "gender": "Unknown/Invalid",
        "medical_specialty": "PhysicianNotFound",
        "admission_type_id": 6,
        "discharge_disposition_id": 18,
        "admission_source_id": 17,
    }

    assert [name for name, value in values.items() if value not in COLUMN[name].unknown] == []
    assert [name for name, value in values.items() if not math.isnan(_value(name, value))] == []


def test_encounters_become_one_float32_row_each_in_the_order_of_the_features():
    matrix = encode([{"age": "[10-20)"}, {"age": "[20-30)", "number_diagnoses": 9}])

    assert matrix.dtype == np.float32
    assert matrix.shape == (2, len(FEATURES))
    assert matrix[:, FEATURE_NAMES.index("age")].tolist() == [1.0, 2.0]
    assert matrix[1, FEATURE_NAMES.index("number_diagnoses")] == 9.0


def test_no_encounter_gives_no_row_but_all_columns():
    assert encode([]).shape == (0, len(FEATURES))


def test_the_digest_names_the_tables_that_models_in_the_registry_were_trained_with():
    # another digest makes serving refuse every model already registered: change it on purpose only
    assert ENCODING_DIGEST == "e5c6fdca1e36d365cbdd306a778fb84c3b5b93d4de5bef709d7578f63f6ccefd"
