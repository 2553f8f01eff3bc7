"""An invented encounter. The API, the page and the first prediction of a native run use it as their example."""

from typing import Any

EXAMPLE: dict[str, Any] = {
    "race": "Caucasian",
    "gender": "Female",
    "age": "[70-80)",
    "admission_type_id": 1,
    "discharge_disposition_id": 1,
    "admission_source_id": 7,
    "time_in_hospital": 5,
    "medical_specialty": "InternalMedicine",
    "num_lab_procedures": 44,
    "num_procedures": 1,
    "num_medications": 16,
    "number_outpatient": 0,
    "number_emergency": 0,
    "number_inpatient": 1,
    "diag_1": "428",
    "diag_2": "250.02",
    "diag_3": "401",
    "number_diagnoses": 8,
    "max_glu_serum": "None",
    "A1Cresult": ">8",
    "metformin": "Steady",
    "insulin": "Up",
}
