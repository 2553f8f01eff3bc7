"""The clinician's page: a form for one encounter and its predicted risk, in Spanish or English."""

from collections.abc import Mapping
from typing import Any, Protocol, cast

import streamlit as st

from readmission.errors import ReadmissionError
from readmission.ui.form import Encounter, encounter_form, load_example, missing_fields
from readmission.ui.result import show_error, show_limits, show_prediction, show_warnings
from readmission.ui.texts import LANGUAGES, Language, text

PREDICTION = "prediction"


class Predictor(Protocol):
    """The part of the inference service that the page uses. Both methods may raise a :class:`ReadmissionError`."""

    def predict(self, encounter: Mapping[str, Any]) -> Mapping[str, Any]:
        """The response of ``/predict`` (``serving.responses.Prediction``)."""

    def model_info(self) -> Mapping[str, Any]:
        """The response of ``/model-info`` (``serving.responses.ModelInfo``)."""


def page(api: Predictor) -> None:
    """Draw the page once. Streamlit calls it again at each interaction."""
    st.set_page_config(page_title="Readmission", page_icon=":material/monitor_heart:", layout="wide")
    language = _language()
    st.title(text(language, "title"))
    st.caption(text(language, "subtitle"))
    model = _model(api, language)
    st.button(text(language, "example"), on_click=load_example, args=(language,), icon=":material/edit_note:")
    encounter = encounter_form(language)
    if st.button(text(language, "submit"), type="primary", icon=":material/calculate:"):
        _submit(api, encounter, language)
    # show the risk only while the form still holds the values that it was computed from
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
    """Predict and store the result in the session, so that it survives a change of language."""
    st.session_state.pop(PREDICTION, None)
    if missing := missing_fields(encounter):
        names = ", ".join(text(language, f"field.{name}") for name in missing)
        st.warning(text(language, "missing", fields=names), icon=":material/edit:")
        return
    try:
        st.session_state[PREDICTION] = (encounter, api.predict(encounter))
    except ReadmissionError as error:
        show_error(error, language)
