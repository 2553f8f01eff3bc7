"""The raw contract: the 50 columns of an encounter, their valid values, and which of them are features.

Source of names, codes and ranges: Strack et al. 2014, doi 10.1155/2014/781670, and the data set's ``IDs_mapping.csv``
(UCI 296, CC BY 4.0). A range is the observed one, wider where larger values are clinically possible.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kind of values in a column. A code is an integer of ``IDs_mapping.csv``."""

    IDENTIFIER = "identifier"
    NUMBER = "number"
    CATEGORY = "category"
    CODE = "code"
    ICD9 = "icd9"


@dataclass(frozen=True)
class Column:
    """One column of an encounter.

    ``name`` is used in code, SQL and API. ``raw_name`` is the name in the source file when it differs.
    ``values`` lists the valid values of a category or code, in ordinal order where there is one. ``unknown`` lists the
    values that mean "not known"; they become null. ``low`` and ``high`` are the inclusive range of a number.

    ``never_missing``: every encounter of the data set has a value. A model has not learned what it means that such a
    feature is missing. So it is either ``required`` in a request, or it has a ``default``, which is its value when it
    is left out, or it is ``derived`` from the drugs (``domain.medication``).
    """

    name: str
    kind: Kind
    description: str
    values: tuple[str, ...] | tuple[int, ...] = ()
    unknown: tuple[str, ...] | tuple[int, ...] = ()
    low: int = 0
    high: int = 0
    never_missing: bool = False
    required: bool = False
    default: str | None = None
    derived: bool = False
    feature: bool = True
    raw_name: str = ""


AGES = tuple(f"[{low}-{low + 10})" for low in range(0, 100, 10))
WEIGHTS = ("[0-25)", "[25-50)", "[50-75)", "[75-100)", "[100-125)", "[125-150)", "[150-175)", "[175-200)", ">200")
RACES = ("AfricanAmerican", "Asian", "Caucasian", "Hispanic", "Other")
PAYERS = "BC CH CM CP DM FR HM MC MD MP OG OT PO SI SP UN WC".split()
SPECIALTIES = """
    AllergyandImmunology Anesthesiology Anesthesiology-Pediatric Cardiology Cardiology-Pediatric DCPTEAM Dentistry
    Dermatology Emergency/Trauma Endocrinology Endocrinology-Metabolism Family/GeneralPractice Gastroenterology
    Gynecology Hematology Hematology/Oncology Hospitalist InfectiousDiseases InternalMedicine Nephrology Neurology
    Neurophysiology Obsterics&Gynecology-GynecologicOnco Obstetrics ObstetricsandGynecology Oncology Ophthalmology
    Orthopedics Orthopedics-Reconstructive Osteopath Otolaryngology OutreachServices Pathology Pediatrics
    Pediatrics-AllergyandImmunology Pediatrics-CriticalCare Pediatrics-EmergencyMedicine Pediatrics-Endocrinology
    Pediatrics-Hematology-Oncology Pediatrics-InfectiousDiseases Pediatrics-Neurology Pediatrics-Pulmonology
    Perinatology PhysicalMedicineandRehabilitation PhysicianNotFound Podiatry Proctology Psychiatry
    Psychiatry-Addictive Psychiatry-Child/Adolescent Psychology Pulmonology Radiologist Radiology Resident Rheumatology
    Speech SportsMedicine Surgeon Surgery-Cardiovascular Surgery-Cardiovascular/Thoracic Surgery-Colon&Rectal
    Surgery-General Surgery-Maxillofacial Surgery-Neuro Surgery-Pediatric Surgery-Plastic
    Surgery-PlasticwithinHeadandNeck Surgery-Thoracic Surgery-Vascular SurgicalSpecialty Urology
""".split()
ADMISSION_TYPES = tuple(range(1, 9))
DISCHARGE_DISPOSITIONS = tuple(range(1, 31))
ADMISSION_SOURCES = tuple(range(1, 27))
DOSES = ("No", "Down", "Steady", "Up")
READMITTED = ("NO", ">30", "<30")

DRUGS = """
    metformin repaglinide nateglinide chlorpropamide glimepiride acetohexamide glipizide glyburide tolbutamide
    pioglitazone rosiglitazone acarbose miglitol troglitazone tolazamide examide citoglipton insulin
    glyburide-metformin glipizide-metformin glimepiride-pioglitazone metformin-rosiglitazone metformin-pioglitazone
""".split()
CONSTANT_DRUGS = ("examide", "citoglipton")


def _drug(raw_name: str) -> Column:
    return Column(
        raw_name.replace("-", "_"),
        Kind.CATEGORY,
        f"Whether {raw_name} was given and how its dose changed during the stay; left out means not given.",
        values=DOSES,
        never_missing=True,
        default="No",
        feature=raw_name not in CONSTANT_DRUGS,
        raw_name=raw_name,
    )


def _number(name: str, description: str, low: int, high: int) -> Column:
    return Column(name, Kind.NUMBER, description, low=low, high=high, never_missing=True, required=True)


COLUMNS: tuple[Column, ...] = (
    Column("encounter_id", Kind.IDENTIFIER, "Unique number of the encounter.", feature=False),
    Column("patient_nbr", Kind.IDENTIFIER, "Number of the patient, the same in all their encounters.", feature=False),
    Column("race", Kind.CATEGORY, "Race as recorded by the hospital.", values=RACES),
    Column(
        "gender",
        Kind.CATEGORY,
        "Gender as recorded by the hospital.",
        values=("Female", "Male"),
        unknown=("Unknown/Invalid",),
    ),
    Column("age", Kind.CATEGORY, "Age in ten-year bands, years.", values=AGES, never_missing=True, required=True),
    Column("weight", Kind.CATEGORY, "Weight in bands, pounds; 97 % missing.", values=WEIGHTS, feature=False),
    Column(
        "admission_type_id",
        Kind.CODE,
        "Type of admission, a code of IDs_mapping.csv: 1 emergency, 2 urgent, 3 elective, 4 newborn, 7 trauma center; "
        "5, 6 and 8 mean unknown.",
        values=ADMISSION_TYPES,
        unknown=(5, 6, 8),
    ),
    Column(
        "discharge_disposition_id",
        Kind.CODE,
        "Where the patient went, a code of IDs_mapping.csv: 1 home, 3 skilled nursing facility, 6 home with home "
        "health service, ...; 18, 25 and 26 mean unknown.",
        values=DISCHARGE_DISPOSITIONS,
        unknown=(18, 25, 26),
    ),
    Column(
        "admission_source_id",
        Kind.CODE,
        "Where the patient came from, a code of IDs_mapping.csv: 1 physician referral, 7 emergency room, ...; "
        "9, 15, 17, 20 and 21 mean unknown.",
        values=ADMISSION_SOURCES,
        unknown=(9, 15, 17, 20, 21),
    ),
    _number("time_in_hospital", "Length of the stay, days.", 1, 14),
    Column("payer_code", Kind.CATEGORY, "Who pays, the source's code.", values=tuple(PAYERS)),
    Column(
        "medical_specialty",
        Kind.CATEGORY,
        "Specialty of the admitting physician.",
        values=tuple(SPECIALTIES),
        unknown=("PhysicianNotFound",),
    ),
    _number("num_lab_procedures", "Laboratory tests during the stay.", 0, 150),
    _number("num_procedures", "Procedures other than laboratory tests during the stay.", 0, 10),
    _number("num_medications", "Distinct drugs given during the stay.", 0, 100),
    _number("number_outpatient", "Outpatient visits in the year before.", 0, 100),
    _number("number_emergency", "Emergency visits in the year before.", 0, 100),
    _number("number_inpatient", "Inpatient stays in the year before.", 0, 50),
    Column("diag_1", Kind.ICD9, "Primary diagnosis, ICD-9-CM code."),
    Column("diag_2", Kind.ICD9, "Secondary diagnosis, ICD-9-CM code."),
    Column("diag_3", Kind.ICD9, "Additional secondary diagnosis, ICD-9-CM code."),
    _number("number_diagnoses", "Diagnoses entered for the stay.", 1, 16),
    Column(
        "max_glu_serum",
        Kind.CATEGORY,
        "Range of the glucose serum test, mg/dl; None or left out: not measured.",
        values=("None", "Norm", ">200", ">300"),
        never_missing=True,
        default="None",
    ),
    Column(
        "A1Cresult",
        Kind.CATEGORY,
        "Range of the A1c test, %; None or left out: not measured.",
        values=("None", "Norm", ">7", ">8"),
        never_missing=True,
        default="None",
    ),
    *(_drug(name) for name in DRUGS),
    Column(
        "change_medication",
        Kind.CATEGORY,
        "Whether any diabetic medication was changed: Ch exactly when a dose goes up or down, or more than one drug is "
        "given. Derived from the drugs when left out.",
        values=("No", "Ch"),
        never_missing=True,
        derived=True,
        raw_name="change",
    ),
    Column(
        "diabetesMed",
        Kind.CATEGORY,
        "Whether any diabetic medication was prescribed: Yes exactly when a drug is given. Derived from the drugs when "
        "left out.",
        values=("No", "Yes"),
        never_missing=True,
        derived=True,
    ),
    Column(
        "readmitted",
        Kind.CATEGORY,
        "The outcome: days to the next inpatient stay; NO when none is on record.",
        values=READMITTED,
        feature=False,
    ),
)

COLUMN: dict[str, Column] = {column.name: column for column in COLUMNS}
NAMES: tuple[str, ...] = tuple(COLUMN)
RAW_NAMES: tuple[str, ...] = tuple(column.raw_name or column.name for column in COLUMNS)
NAME_OF_RAW: dict[str, str] = dict(zip(RAW_NAMES, NAMES, strict=True))
FEATURES: tuple[Column, ...] = tuple(column for column in COLUMNS if column.feature)
FEATURE_NAMES: tuple[str, ...] = tuple(column.name for column in FEATURES)
INTEGER_KINDS = frozenset({Kind.IDENTIFIER, Kind.NUMBER, Kind.CODE})
