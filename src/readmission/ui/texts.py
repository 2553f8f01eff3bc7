"""The texts of the page, in Spanish and in English.

The labels of coded values are in ``labels``, the words of a horizon in ``domain.horizon``.
"""

from collections.abc import Iterable

from readmission.domain.horizon import HORIZONS, HorizonName, Language
from readmission.domain.schema import DRUGS, NAME_OF_RAW

LANGUAGES: dict[Language, str] = {"es": "Español", "en": "English"}

_DRUGS_ES = {
    "metformin": "Metformina",
    "repaglinide": "Repaglinida",
    "nateglinide": "Nateglinida",
    "chlorpropamide": "Clorpropamida",
    "glimepiride": "Glimepirida",
    "acetohexamide": "Acetohexamida",
    "glipizide": "Glipizida",
    "glyburide": "Glibenclamida",
    "tolbutamide": "Tolbutamida",
    "pioglitazone": "Pioglitazona",
    "rosiglitazone": "Rosiglitazona",
    "acarbose": "Acarbosa",
    "miglitol": "Miglitol",
    "troglitazone": "Troglitazona",
    "tolazamide": "Tolazamida",
    "examide": "Examida",
    "citoglipton": "Citogliptina",
    "insulin": "Insulina",
    "glyburide-metformin": "Glibenclamida y metformina",
    "glipizide-metformin": "Glipizida y metformina",
    "glimepiride-pioglitazone": "Glimepirida y pioglitazona",
    "metformin-rosiglitazone": "Metformina y rosiglitazona",
    "metformin-pioglitazone": "Metformina y pioglitazona",
}

TEXTS: dict[Language, dict[str, str]] = {
    "es": {
        "language": "Idioma",
        "title": "Riesgo de reingreso hospitalario",
        "subtitle": "Pacientes con diabetes: estimación del riesgo de reingreso al final de una hospitalización.",
        "patient": "Paciente",
        "stay": "Estancia",
        "history": "Historia: el año anterior al ingreso",
        "diagnoses": "Diagnósticos (códigos CIE-9-MC)",
        "tests": "Pruebas",
        "drugs": "Fármacos para la diabetes",
        "required": "Los campos con * son obligatorios. Lo que no se sepa se deja como «Desconocido» o vacío.",
        "unknown": "Desconocido",
        "choose": "Elija una opción",
        "range": "de {low} a {high}",
        "icd9": "p. ej. 250.83; vacío: desconocido",
        "submit": "Calcular el riesgo",
        "example": "Cargar un ejemplo",
        "missing": "Faltan datos obligatorios: {fields}.",
        "and": "y",
        "readmission": "Reingreso {when}",
        "risk": "Riesgo {when}",
        "band": "Nivel de riesgo",
        "band.low": "Bajo",
        "band.medium": "Medio",
        "band.high": "Alto",
        "threshold": "Umbral: {when}",
        "reached": "El riesgo alcanza el umbral de reingreso {reached}.",
        "below": "El riesgo queda por debajo del umbral de reingreso {below}.",
        "mixed": "El riesgo alcanza el umbral de reingreso {reached}, pero no el de reingreso {below}.",
        "mixed.contradictory": (
            "El riesgo alcanza el umbral de reingreso {reached}, pero no el de reingreso {below}: cada modelo tiene su "
            "umbral, y para este paciente no concuerdan."
        ),
        "disagree": (
            "Los modelos no concuerdan para este paciente, así que ninguno de los dos riesgos es fiable: el de "
            "reingreso {shorter} no puede ser mayor que el de reingreso {longer}."
        ),
        "model": "Modelo: {name}, versión {version}",
        "prediction_id": "Identificador de la predicción: {prediction_id}",
        "synthetic_model": "Riesgo de reingreso {when}: entrenado con datos sintéticos, no usar con pacientes.",
        "uncalibrated": (
            "Riesgo de reingreso {when}: no calibrado, el porcentaje ordena a los pacientes, "
            "pero no es una probabilidad."
        ),
        "no_model": "Riesgo de reingreso {when}: no disponible, porque aún no hay un modelo.",
        "limits": "Para qué no sirven estos riesgos",
        "limits.text": (
            "- No sustituyen el juicio clínico ni deciden un alta, un tratamiento o una prestación.\n"
            "- No sirven para pacientes sin diabetes, ni para quienes fallecen o pasan a cuidados paliativos.\n"
            "- Proceden de 130 hospitales de EE. UU. de 1999 a 2008: antes de usarlos en otro hospital "
            "hay que validarlos allí.\n"
            "- No explican causas: cambiar un dato en el formulario no dice qué pasaría al cambiar un tratamiento."
        ),
        "limits.auc": (
            "- El de reingreso {when} distingue de forma moderada: en la prueba ordenó bien {share} % de las parejas "
            "formadas por un paciente que reingresa {when} y otro que no (50 % sería azar)."
        ),
        "unavailable": "El servicio de predicción no responde. Inténtelo de nuevo en unos minutos.",
        "not_loaded": "El servicio de predicción aún no tiene un modelo. Inténtelo de nuevo en unos minutos.",
        "unauthorized": "El servicio de predicción no acepta la clave de esta página. Avise a quien la administra.",
        "refused": "El servicio de predicción rechazó los datos.",
        "refused.field": "El valor de «{field}» no es válido.",
        "refused.number": "«{field}» ha de ser un número entero de {low} a {high}.",
        "refused.code": "«{field}» no es un código CIE-9-MC válido (p. ej. 428, 250.83, V57).",
        "field.race": "Raza (según el hospital)",
        "field.gender": "Sexo",
        "field.age": "Edad",
        "field.admission_type_id": "Tipo de ingreso",
        "field.discharge_disposition_id": "Destino al alta",
        "field.admission_source_id": "Procedencia",
        "field.time_in_hospital": "Días de estancia",
        "field.payer_code": "Pagador (código)",
        "field.medical_specialty": "Especialidad del médico",
        "field.num_lab_procedures": "Pruebas de laboratorio",
        "field.num_procedures": "Otros procedimientos",
        "field.num_medications": "Fármacos distintos",
        "field.number_outpatient": "Consultas externas",
        "field.number_emergency": "Visitas a urgencias",
        "field.number_inpatient": "Hospitalizaciones",
        "field.diag_1": "Diagnóstico principal",
        "field.diag_2": "Diagnóstico secundario",
        "field.diag_3": "Otro diagnóstico secundario",
        "field.number_diagnoses": "Número de diagnósticos",
        "field.max_glu_serum": "Glucosa en suero",
        "field.A1Cresult": "Hemoglobina A1c",
        "field.change_medication": "Cambio de medicación para la diabetes",
        "field.diabetesMed": "Medicación para la diabetes prescrita",
        **{f"field.{NAME_OF_RAW[drug]}": _DRUGS_ES[drug] for drug in DRUGS},
    },
    "en": {
        "language": "Language",
        "title": "Hospital readmission risk",
        "subtitle": "Patients with diabetes: an estimate of the readmission risk at the end of a hospital stay.",
        "patient": "Patient",
        "stay": "Stay",
        "history": "History: the year before admission",
        "diagnoses": "Diagnoses (ICD-9-CM codes)",
        "tests": "Tests",
        "drugs": "Diabetes drugs",
        "required": "Fields with * are required. Leave what is not known as “Unknown” or empty.",
        "unknown": "Unknown",
        "choose": "Choose an option",
        "range": "{low} to {high}",
        "icd9": "e.g. 250.83; empty: unknown",
        "submit": "Estimate the risk",
        "example": "Fill in an example",
        "missing": "Required values are missing: {fields}.",
        "and": "and",
        "readmission": "Readmission {when}",
        "risk": "Risk {when}",
        "band": "Risk band",
        "band.low": "Low",
        "band.medium": "Medium",
        "band.high": "High",
        "threshold": "Threshold: {when}",
        "reached": "The risk reaches the threshold for readmission {reached}.",
        "below": "The risk is below the threshold for readmission {below}.",
        "mixed": "The risk reaches the threshold for readmission {reached}, but not the one for readmission {below}.",
        "mixed.contradictory": (
            "The risk reaches the threshold for readmission {reached}, but not the one for readmission {below}: each "
            "model has its own threshold, and for this patient they disagree."
        ),
        "disagree": (
            "The models disagree about this patient, so neither risk can be relied on: the risk of readmission "
            "{shorter} cannot be higher than the one of readmission {longer}."
        ),
        "model": "Model: {name}, version {version}",
        "prediction_id": "Prediction identifier: {prediction_id}",
        "synthetic_model": "Risk of readmission {when}: trained on synthetic data, do not use with patients.",
        "uncalibrated": (
            "Risk of readmission {when}: not calibrated, the percentage ranks patients, but it is not a probability."
        ),
        "no_model": "Risk of readmission {when}: not available, because there is no model yet.",
        "limits": "What these risks are not for",
        "limits.text": (
            "- They do not replace clinical judgement and decide no discharge, treatment or benefit.\n"
            "- They are not for patients without diabetes, nor for those who die or go to hospice.\n"
            "- They come from 130 US hospitals, 1999 to 2008: before another hospital uses them, they must be "
            "validated there.\n"
            "- They explain no causes: changing a value in the form does not say what a change of treatment would do."
        ),
        "limits.auc": (
            "- The risk of readmission {when} tells patients apart moderately well: in the test it ordered {share} % "
            "of the pairs of a patient who is readmitted {when} and one who is not correctly (50 % would be chance)."
        ),
        "unavailable": "The prediction service does not answer. Try again in a few minutes.",
        "not_loaded": "The prediction service has no model yet. Try again in a few minutes.",
        "unauthorized": "The prediction service does not accept this page's key. Tell whoever runs it.",
        "refused": "The prediction service refused the data.",
        "refused.field": "The value of “{field}” is not valid.",
        "refused.number": "“{field}” must be a whole number from {low} to {high}.",
        "refused.code": "“{field}” is not a valid ICD-9-CM code (e.g. 428, 250.83, V57).",
        "field.race": "Race (as recorded)",
        "field.gender": "Gender",
        "field.age": "Age",
        "field.admission_type_id": "Admission type",
        "field.discharge_disposition_id": "Discharged to",
        "field.admission_source_id": "Admitted from",
        "field.time_in_hospital": "Days in hospital",
        "field.payer_code": "Payer (code)",
        "field.medical_specialty": "Physician's specialty",
        "field.num_lab_procedures": "Laboratory tests",
        "field.num_procedures": "Other procedures",
        "field.num_medications": "Distinct drugs",
        "field.number_outpatient": "Outpatient visits",
        "field.number_emergency": "Emergency visits",
        "field.number_inpatient": "Inpatient stays",
        "field.diag_1": "Primary diagnosis",
        "field.diag_2": "Secondary diagnosis",
        "field.diag_3": "Another secondary diagnosis",
        "field.number_diagnoses": "Number of diagnoses",
        "field.max_glu_serum": "Glucose, serum",
        "field.A1Cresult": "Hemoglobin A1c",
        "field.change_medication": "Diabetes medication changed",
        "field.diabetesMed": "Diabetes medication prescribed",
        **{f"field.{NAME_OF_RAW[drug]}": drug.replace("-", " and ").capitalize() for drug in DRUGS},
    },
}


def text(language: Language, key: str, **values: object) -> str:
    """The text for ``key`` with ``values`` in its placeholders. Raises :class:`KeyError` for an unknown key."""
    return TEXTS[language][key].format(**values)


def when(language: Language, horizons: Iterable[HorizonName]) -> str:
    """The words of one or more horizons, to complete "readmission ...": "at any later time and within 30 days"."""
    return f" {text(language, 'and')} ".join(HORIZONS[horizon].words[language] for horizon in horizons)
