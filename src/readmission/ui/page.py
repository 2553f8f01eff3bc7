"""The clinician's page: one encounter in, one risk out, in Spanish or English."""

from collections.abc import Mapping
from typing import Any, Protocol, cast

import streamlit as st

from readmission.errors import ReadmissionError
from readmission.ui.form import Encounter, encounter_form, load_example, missing_fields
from readmission.ui.result import show_error, show_limits, show_prediction, show_warnings
from readmission.ui.texts import LANGUAGES, Language, text

PREDICTION = "prediction"


class Predictor(Protocol):
    """What the page needs of the inference service; both raise a :class:`ReadmissionError`."""

    def predict(self, encounter: Mapping[str, Any]) -> Mapping[str, Any]: ...

    def model_info(self) -> Mapping[str, Any]: ...


def page(api: Predictor) -> None:
    """Draw the page once; Streamlit calls it again at each interaction."""
    st.set_page_config(page_title="Readmission", page_icon=":material/monitor_heart:", layout="wide")
    language = _language()
    st.title(text(language, "title"))
    st.caption(text(language, "subtitle"))
    model = _model(api, language)
    st.button(text(language, "example"), on_click=load_example, args=(language,), icon=":material/edit_note:")
    encounter = encounter_form(language)
    if st.button(text(language, "submit"), type="primary", icon=":material/calculate:"):
        _submit(api, encounter, language)
    # a risk never stands beside other values than those that it was computed from
    asked, prediction = st.session_state.get(PREDICTION, (None, None))
    if model and asked == encounter:
        show_prediction(prediction, model, language)
    show_limits(model, language)


def _language() -> Language:
    start = st.query_params.get("lang", "es")
    st.session_state.setdefault("language", start if start in LANGUAGES else "es")
    language = cast(Language, st.session_state["language"])
    st.segmented_control(
        text(language, "language"),
        list(LANGUAGES),
        format_func=lambda code: LANGUAGES[code],
        key="language",
        label_visibility="collapsed",
        required=True,
    )
    return language


def _model(api: Predictor, language: Language) -> Mapping[str, Any] | None:
    try:
        model = api.model_info()
    except ReadmissionError as error:
        show_error(error, language)
        return None
    show_warnings(model, language)
    return model


def _submit(api: Predictor, encounter: Encounter, language: Language) -> None:
    """Keep the answer over later reruns, so that a change of language does not lose it."""
    st.session_state.pop(PREDICTION, None)
    if missing := missing_fields(encounter):
        names = ", ".join(text(language, f"field.{name}") for name in missing)
        st.warning(text(language, "missing", fields=names), icon=":material/edit:")
        return
    try:
        st.session_state[PREDICTION] = (encounter, api.predict(encounter))
    except ReadmissionError as error:
        show_error(error, language)
