"""The form of one encounter, in clinical groups. It asks for each feature that the others do not determine."""

import streamlit as st

from readmission.domain.cohort import DEATH_OR_HOSPICE
from readmission.domain.example import EXAMPLE
from readmission.domain.horizon import Language
from readmission.domain.medication import DRUG_FEATURES
from readmission.domain.schema import COLUMN, FEATURES, Column, Kind
from readmission.ui.labels import label
from readmission.ui.texts import text

Encounter = dict[str, str | int | None]

ASKED = tuple(column for column in FEATURES if not column.derived)
GROUPS: dict[str, tuple[str, ...]] = {
    "patient": ("age", "gender", "race", "payer_code"),
    "stay": (
        "admission_type_id",
        "admission_source_id",
        "discharge_disposition_id",
        "medical_specialty",
        "time_in_hospital",
        "num_lab_procedures",
        "num_procedures",
        "num_medications",
    ),
    "history": ("number_inpatient", "number_emergency", "number_outpatient"),
    "diagnoses": ("diag_1", "diag_2", "diag_3", "number_diagnoses"),
    "tests": ("A1Cresult", "max_glu_serum"),
    "drugs": DRUG_FEATURES,
}
# the initial values of the form; all other fields start as unknown
INITIAL: Encounter = {column.name: column.default for column in ASKED if column.default}
COLUMNS_PER_ROW = 4
VALUES = "encounter"


def field_key(name: str, language: Language) -> str:
    """The session-state key of a feature's widget.

    Each language has its own key, because the browser keeps the labels that a widget had first.
    """
    return f"field.{language}.{name}"


def load_example(language: Language) -> None:
    """Fill the form with the invented encounter ``EXAMPLE``."""
    for column in ASKED:
        st.session_state[field_key(column.name, language)] = (INITIAL | EXAMPLE).get(column.name)


def encounter_form(language: Language) -> Encounter:
    """Draw the form. Returns its current values by feature name; unknown values are None."""
    before: Encounter = st.session_state.get(VALUES, INITIAL)
    for column in ASKED:
        st.session_state.setdefault(field_key(column.name, language), before.get(column.name))
    st.caption(text(language, "required"))
    values: Encounter = {}
    for group, names in GROUPS.items():
        with st.container(border=True):
            st.markdown(f"**{text(language, group)}**")
            values |= _fields(names, language)
    st.session_state[VALUES] = values
    return values


def missing_fields(encounter: Encounter) -> list[str]:
    """The names of the required features that are empty."""
    return [column.name for column in FEATURES if column.required and encounter.get(column.name) is None]


def choices(column: Column) -> list[str | int | None]:
    """The options for a category or code. Unknown (None) comes first, if the data set has it."""
    excluded = set(column.unknown)
    if column.name == "discharge_disposition_id":
        excluded |= DEATH_OR_HOSPICE  # outside the cohort: the model was not trained on such patients
    known: list[str | int | None] = [value for value in column.values if value not in excluded]
    return known if column.never_missing else [None, *known]


def _fields(names: tuple[str, ...], language: Language) -> Encounter:
    values: Encounter = {}
    for start in range(0, len(names), COLUMNS_PER_ROW):
        cells = st.columns(COLUMNS_PER_ROW)
        for cell, name in zip(cells, names[start : start + COLUMNS_PER_ROW], strict=False):
            with cell:
                values[name] = _field(COLUMN[name], language)
    return values


def _field(column: Column, language: Language) -> str | int | None:
    title = text(language, f"field.{column.name}") + (" *" if column.required else "")
    key = field_key(column.name, language)
    if column.kind is Kind.NUMBER:
        hint = text(language, "range", low=column.low, high=column.high)
        # no bounds here: for a number outside them, the browser shows it but keeps the previous value
        number: int | None = st.number_input(title, value=None, step=1, placeholder=hint, key=key)
        return number
    if column.kind is Kind.ICD9:
        code: str | None = st.text_input(title, max_chars=6, placeholder=text(language, "icd9"), key=key)
        return (code or "").strip() or None
    return _choice(column, title, language)


def _choice(column: Column, title: str, language: Language) -> str | int | None:
    def name_of(value: str | int | None) -> str:
        return text(language, "unknown") if value is None else label(column.name, value, language)

    chosen: str | int | None = st.selectbox(
        title,
        choices(column),
        format_func=name_of,
        placeholder=text(language, "choose" if column.required else "unknown"),
        key=field_key(column.name, language),
    )
    return chosen
