"""The clinician's page: a form for one encounter and its predicted risks, in Spanish or English."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import streamlit as st

from readmission.domain.horizon import Language
from readmission.errors import ReadmissionError
from readmission.ui.form import Encounter, encounter_form, load_example, missing_fields
from readmission.ui.result import show_error, show_limits, show_prediction, show_warnings
from readmission.ui.served_models import Models
from readmission.ui.texts import LANGUAGES, text

PREDICTION = "prediction"
STATUS_SECONDS = 5


class Predictor(Protocol):
    """The part of the inference service that estimates risks."""

    def predict(self, encounter: Mapping[str, Any]) -> Mapping[str, Any]:
        """The response of ``/predict`` (``serving.responses.Prediction``). May raise a :class:`ReadmissionError`."""


def page(api: Predictor, models: Callable[[], Models]) -> None:
    """Draw the page once. Streamlit calls it again at each interaction.

    ``models`` returns what is served (``serving.operations.ModelInfo`` of each horizon) or raises a
    :class:`ReadmissionError`. It is called at each interaction, so it must not wait for the service each time.
    """
    st.set_page_config(page_title="Readmission", page_icon=":material/monitor_heart:", layout="wide")
    language = _language()
    st.title(text(language, "title"))
    st.caption(text(language, "subtitle"))
    heard = _heard(models)
    _status(heard, models, language)
    served: Models = {} if isinstance(heard, ReadmissionError) else heard
    st.button(text(language, "example"), on_click=load_example, args=(language,), icon=":material/edit_note:")
    encounter = encounter_form(language)
    if st.button(text(language, "submit"), type="primary", icon=":material/calculate:"):
        _submit(api, encounter, language)
    # show the risks only with the warnings about their models, and only while the form still holds the values that they
    # were computed from
    asked, prediction = st.session_state.get(PREDICTION, (None, None))
    if served and asked == encounter:
        show_prediction(prediction, served, language)
    show_limits(served, language)


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


def _heard(models: Callable[[], Models]) -> Models | ReadmissionError:
    try:
        return models()
    except ReadmissionError as error:
        return error


@st.fragment(run_every=STATUS_SECONDS)
def _status(drawn: Models | ReadmissionError, models: Callable[[], Models], language: Language) -> None:
    """Say what the models are, or that the service does not answer. Draw the page again when this changes."""
    if _named(_heard(models)) != _named(drawn):
        st.rerun()
    if isinstance(drawn, ReadmissionError):
        show_error(drawn, language)
    else:
        show_warnings(drawn, language)


def _named(heard: Models | ReadmissionError) -> object:
    if isinstance(heard, ReadmissionError):
        return type(heard)
    # two workers differ in when they loaded the same version, so the whole answers are not compared
    return {horizon: model and (model["name"], model["version"]) for horizon, model in heard.items()}


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
