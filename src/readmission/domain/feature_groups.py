"""The clinical groups of features whose contributions an explanation shows.

The features of a group are switched together, from another encounter's values to the patient's. All drugs are one
group with the two features that they determine, so no switch makes an encounter that contradicts its drugs.
"""

from readmission.domain.medication import DERIVED, DRUG_FEATURES
from readmission.domain.schema import FEATURE_NAMES

FEATURE_GROUPS: dict[str, tuple[str, ...]] = {
    "age": ("age",),
    "gender": ("gender",),
    "race": ("race",),
    "payer": ("payer_code",),
    "inpatient_stays": ("number_inpatient",),
    "emergency_visits": ("number_emergency",),
    "outpatient_visits": ("number_outpatient",),
    "admission": ("admission_type_id", "admission_source_id"),
    "discharge": ("discharge_disposition_id",),
    "specialty": ("medical_specialty",),
    "length_of_stay": ("time_in_hospital",),
    "laboratory_tests": ("num_lab_procedures",),
    "procedures": ("num_procedures",),
    "medications": ("num_medications",),
    "primary_diagnosis": ("diag_1",),
    "secondary_diagnoses": ("diag_2", "diag_3"),
    "number_of_diagnoses": ("number_diagnoses",),
    "glucose_test": ("max_glu_serum",),
    "a1c_test": ("A1Cresult",),
    "diabetes_drugs": (*DRUG_FEATURES, *DERIVED),
}

# each feature as a group of its own
SINGLE_FEATURES: dict[str, tuple[str, ...]] = {name: (name,) for name in FEATURE_NAMES}
