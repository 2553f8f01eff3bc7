"""The clinician's page: a form for one encounter and its predicted risk, in Spanish or English."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import streamlit as st

from readmission.errors import ReadmissionError
from readmission.ui.form import Encounter, encounter_form, load_example, missing_fields
from readmission.ui.result import show_error, show_limits, show_prediction, show_warnings
from readmission.ui.texts import LANGUAGES, Language, text

PREDICTION = "prediction"
STATUS_SECONDS = 5

ModelInfo = Mapping[str, Any]


class Predictor(Protocol):
    """The part of the inference service that estimates a risk."""

    def predict(self, encounter: Mapping[str, Any]) -> Mapping[str, Any]:
        """The response of ``/predict`` (``serving.responses.Prediction``). May raise a :class:`ReadmissionError`."""


def page(api: Predictor, model_info: Callable[[], ModelInfo]) -> None:
    """Draw the page once. Streamlit calls it again at each interaction.

    ``model_info`` returns the response of ``/model-info`` (``serving.responses.ModelInfo``) or raises a
    :class:`ReadmissionError`. It is called at each interaction, so it must not wait for the service each time.
    """
    st.set_page_config(page_title="Readmission", page_icon=":material/monitor_heart:", layout="wide")
    language = _language()
    st.title(text(language, "title"))
    st.caption(text(language, "subtitle"))
    heard = _heard(model_info)
    _status(heard, model_info, language)
    model = None if isinstance(heard, ReadmissionError) else heard
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


def _heard(model_info: Callable[[], ModelInfo]) -> ModelInfo | ReadmissionError:
    try:
        return model_info()
    except ReadmissionError as error:
        return error


@st.fragment(run_every=STATUS_SECONDS)
def _status(drawn: ModelInfo | ReadmissionError, model_info: Callable[[], ModelInfo], language: Language) -> None:
    """Say what the model is, or that the service does not answer. Draw the page again when this changes."""
    if _named(_heard(model_info)) != _named(drawn):
        st.rerun()
    if isinstance(drawn, ReadmissionError):
        show_error(drawn, language)
    else:
        show_warnings(drawn, language)


def _named(heard: ModelInfo | ReadmissionError) -> tuple[object, ...]:
    # two workers differ in when they loaded the same version, so the whole answers are not compared
    return (type(heard),) if isinstance(heard, ReadmissionError) else (heard["name"], heard["version"])


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
