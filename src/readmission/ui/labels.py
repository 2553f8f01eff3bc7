"""The labels of coded values on the page, in Spanish and in English.

Source of the codes: the data set's ``IDs_mapping.csv`` (UCI 296, CC BY 4.0). Payer codes have no published meaning, so
the page shows the codes.
"""

import re

from readmission.domain.horizon import Language
from readmission.domain.schema import AGES, DOSES, DRUGS, NAME_OF_RAW

Label = tuple[str, str]  # Spanish, English

_ADMISSION_TYPES: dict[object, Label] = {
    1: ("Emergencia", "Emergency"),
    2: ("Urgente", "Urgent"),
    3: ("Programado", "Elective"),
    4: ("Recién nacido", "Newborn"),
    7: ("Centro de trauma", "Trauma center"),
}
_DISCHARGES: dict[object, Label] = {
    1: ("Domicilio", "Home"),
    2: ("Otro hospital de corta estancia", "Another short-term hospital"),
    3: ("Centro de enfermería especializada", "Skilled nursing facility"),
    4: ("Centro de cuidados intermedios", "Intermediate care facility"),
    5: ("Otra institución con hospitalización", "Another inpatient care institution"),
    6: ("Domicilio con atención sanitaria", "Home with home health service"),
    7: ("Alta voluntaria contra criterio médico", "Left against medical advice"),
    8: ("Domicilio con terapia intravenosa", "Home under care of home IV provider"),
    9: ("Ingresado en este hospital", "Admitted as an inpatient to this hospital"),
    10: ("Neonato trasladado a otro hospital", "Neonate to another hospital for aftercare"),
    12: ("Sigue en el hospital o vuelve a consulta", "Still patient or expected back as outpatient"),
    15: ("Cama polivalente (Medicare) de este centro", "Medicare swing bed in this institution"),
    16: ("Consultas externas de otra institución", "Outpatient services of another institution"),
    17: ("Consultas externas de esta institución", "Outpatient services of this institution"),
    22: ("Centro o unidad de rehabilitación", "Rehabilitation facility or unit"),
    23: ("Hospital de larga estancia", "Long-term care hospital"),
    24: ("Residencia certificada solo por Medicaid", "Nursing facility certified by Medicaid only"),
    27: ("Centro sanitario federal", "Federal health care facility"),
    28: ("Hospital o unidad de psiquiatría", "Psychiatric hospital or unit"),
    29: ("Hospital de acceso crítico", "Critical access hospital"),
    30: ("Otro tipo de institución sanitaria", "Another type of health care institution"),
}
_SOURCES: dict[object, Label] = {
    1: ("Derivado por un médico", "Physician referral"),
    2: ("Derivado por una clínica", "Clinic referral"),
    3: ("Derivado por una aseguradora (HMO)", "HMO referral"),
    4: ("Traslado desde un hospital", "Transfer from a hospital"),
    5: ("Traslado desde un centro de enfermería", "Transfer from a skilled nursing facility"),
    6: ("Traslado desde otro centro sanitario", "Transfer from another health care facility"),
    7: ("Servicio de urgencias", "Emergency room"),
    8: ("Orden judicial o policial", "Court or law enforcement"),
    10: ("Traslado desde un hospital de acceso crítico", "Transfer from a critical access hospital"),
    11: ("Parto normal", "Normal delivery"),
    12: ("Parto prematuro", "Premature delivery"),
    13: ("Recién nacido enfermo", "Sick baby"),
    14: ("Nacimiento fuera del hospital", "Extramural birth"),
    18: ("Traslado desde otra agencia de atención domiciliaria", "Transfer from another home health agency"),
    19: ("Reingreso en la misma agencia domiciliaria", "Readmission to the same home health agency"),
    22: ("Traslado dentro del mismo hospital", "Transfer within the same hospital"),
    23: ("Nacido en este hospital", "Born inside this hospital"),
    24: ("Nacido fuera de este hospital", "Born outside this hospital"),
    25: ("Traslado desde un centro de cirugía ambulatoria", "Transfer from an ambulatory surgery center"),
    26: ("Traslado desde cuidados paliativos", "Transfer from hospice"),
}
_DOSES: dict[object, Label] = dict(
    zip(
        DOSES,
        (
            ("No administrado", "Not given"),
            ("Dosis reducida", "Dose lowered"),
            ("Dosis estable", "Dose steady"),
            ("Dosis aumentada", "Dose raised"),
        ),
        strict=True,
    )
)
_AGES: dict[object, Label] = {
    band: (f"{low} a {int(low) + 9} años", f"{low} to {int(low) + 9} years")
    for band in AGES
    for low in re.findall(r"\[(\d+)-", band)
}
_SPECIALTIES_ES = {
    "AllergyandImmunology": "Alergología e inmunología",
    "Anesthesiology": "Anestesiología",
    "Anesthesiology-Pediatric": "Anestesiología pediátrica",
    "Cardiology": "Cardiología",
    "Cardiology-Pediatric": "Cardiología pediátrica",
    "DCPTEAM": "Equipo DCP",
    "Dentistry": "Odontología",
    "Dermatology": "Dermatología",
    "Emergency/Trauma": "Urgencias y trauma",
    "Endocrinology": "Endocrinología",
    "Endocrinology-Metabolism": "Endocrinología y metabolismo",
    "Family/GeneralPractice": "Medicina familiar y general",
    "Gastroenterology": "Gastroenterología",
    "Gynecology": "Ginecología",
    "Hematology": "Hematología",
    "Hematology/Oncology": "Hematología y oncología",
    "Hospitalist": "Medicina hospitalaria",
    "InfectiousDiseases": "Enfermedades infecciosas",
    "InternalMedicine": "Medicina interna",
    "Nephrology": "Nefrología",
    "Neurology": "Neurología",
    "Neurophysiology": "Neurofisiología",
    "Obsterics&Gynecology-GynecologicOnco": "Obstetricia y ginecología: oncología ginecológica",
    "Obstetrics": "Obstetricia",
    "ObstetricsandGynecology": "Obstetricia y ginecología",
    "Oncology": "Oncología",
    "Ophthalmology": "Oftalmología",
    "Orthopedics": "Ortopedia",
    "Orthopedics-Reconstructive": "Ortopedia reconstructiva",
    "Osteopath": "Osteopatía",
    "Otolaryngology": "Otorrinolaringología",
    "OutreachServices": "Servicios comunitarios",
    "Pathology": "Anatomía patológica",
    "Pediatrics": "Pediatría",
    "Pediatrics-AllergyandImmunology": "Pediatría: alergología e inmunología",
    "Pediatrics-CriticalCare": "Pediatría: cuidados intensivos",
    "Pediatrics-EmergencyMedicine": "Pediatría: urgencias",
    "Pediatrics-Endocrinology": "Pediatría: endocrinología",
    "Pediatrics-Hematology-Oncology": "Pediatría: hematología y oncología",
    "Pediatrics-InfectiousDiseases": "Pediatría: enfermedades infecciosas",
    "Pediatrics-Neurology": "Pediatría: neurología",
    "Pediatrics-Pulmonology": "Pediatría: neumología",
    "Perinatology": "Perinatología",
    "PhysicalMedicineandRehabilitation": "Medicina física y rehabilitación",
    "Podiatry": "Podología",
    "Proctology": "Proctología",
    "Psychiatry": "Psiquiatría",
    "Psychiatry-Addictive": "Psiquiatría: adicciones",
    "Psychiatry-Child/Adolescent": "Psiquiatría infantil y juvenil",
    "Psychology": "Psicología",
    "Pulmonology": "Neumología",
    "Radiologist": "Radiología (médico)",
    "Radiology": "Radiología",
    "Resident": "Médico residente",
    "Rheumatology": "Reumatología",
    "Speech": "Logopedia",
    "SportsMedicine": "Medicina deportiva",
    "Surgeon": "Cirugía (médico)",
    "Surgery-Cardiovascular": "Cirugía cardiovascular",
    "Surgery-Cardiovascular/Thoracic": "Cirugía cardiovascular y torácica",
    "Surgery-Colon&Rectal": "Cirugía de colon y recto",
    "Surgery-General": "Cirugía general",
    "Surgery-Maxillofacial": "Cirugía maxilofacial",
    "Surgery-Neuro": "Neurocirugía",
    "Surgery-Pediatric": "Cirugía pediátrica",
    "Surgery-Plastic": "Cirugía plástica",
    "Surgery-PlasticwithinHeadandNeck": "Cirugía plástica de cabeza y cuello",
    "Surgery-Thoracic": "Cirugía torácica",
    "Surgery-Vascular": "Cirugía vascular",
    "SurgicalSpecialty": "Especialidad quirúrgica",
    "Urology": "Urología",
}


def _spaced(name: str) -> str:
    """``PhysicalMedicineandRehabilitation`` as ``Physical Medicine and Rehabilitation``."""
    name = name.replace("Obsterics", "Obstetrics").replace("Onco", "Oncology") if name.endswith("Onco") else name
    words = re.sub(r"(?<=[a-z])(and|within)(?=[A-Z])", r" \1 ", name)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words)
    return words.replace("-", ": ").replace("/", " / ").replace("&", " & ")


_LABELS: dict[str, dict[object, Label]] = {
    "race": {
        "AfricanAmerican": ("Afroamericana", "African American"),
        "Asian": ("Asiática", "Asian"),
        "Caucasian": ("Caucásica", "Caucasian"),
        "Hispanic": ("Hispana", "Hispanic"),
        "Other": ("Otra", "Other"),
    },
    "gender": {"Female": ("Mujer", "Female"), "Male": ("Hombre", "Male")},
    "age": _AGES,
    "admission_type_id": _ADMISSION_TYPES,
    "discharge_disposition_id": _DISCHARGES,
    "admission_source_id": _SOURCES,
    "medical_specialty": {name: (spanish, _spaced(name)) for name, spanish in _SPECIALTIES_ES.items()},
    "max_glu_serum": {
        "None": ("No medida", "Not measured"),
        "Norm": ("Normal", "Normal"),
        ">200": ("Más de 200 mg/dl", "Over 200 mg/dl"),
        ">300": ("Más de 300 mg/dl", "Over 300 mg/dl"),
    },
    "A1Cresult": {
        "None": ("No medida", "Not measured"),
        "Norm": ("Normal", "Normal"),
        ">7": ("Más del 7 %", "Over 7 %"),
        ">8": ("Más del 8 %", "Over 8 %"),
    },
    **{NAME_OF_RAW[drug]: _DOSES for drug in DRUGS},
}


def label(field: str, value: object, language: Language) -> str:
    """The label of a value of the feature ``field``. A value without a label is shown as it is (payer codes)."""
    names = _LABELS.get(field, {}).get(value)
    return str(value) if names is None else names[language == "en"]
