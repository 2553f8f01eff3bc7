"""Shows the predicted risks, the warnings and limits of the models, and errors."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import streamlit as st

from readmission.domain.data_source import SYNTHETIC
from readmission.domain.horizon import HORIZONS, Language
from readmission.domain.schema import COLUMN, Column, Kind
from readmission.errors import InvalidInput, ModelNotLoaded, ReadmissionError, Unauthorized
from readmission.ui.served_models import Models
from readmission.ui.texts import text, when

# from the lowest band to the highest
BAND_COLOURS = {"low": "green", "medium": "orange", "high": "red"}

Risk = Mapping[str, Any]


def show_warnings(models: Models, language: Language) -> None:
    """Show banners for the horizons whose model was trained on synthetic data, is not calibrated, or is missing."""
    if synthetic := [horizon for horizon, model in models.items() if model and model["data_source"] == SYNTHETIC]:
        told = text(language, "synthetic_model", when=when(language, synthetic))
        st.error(f"### {told}", icon=":material/warning:")
    if uncalibrated := [horizon for horizon, model in models.items() if model and not model["calibrated"]]:
        told = text(language, "uncalibrated", when=when(language, uncalibrated))
        st.warning(f"### {told}", icon=":material/percent:")
    if missing := [horizon for horizon, model in models.items() if not model]:
        st.warning(text(language, "no_model", when=when(language, missing)), icon=":material/hourglass_empty:")


def show_prediction(prediction: Mapping[str, Any], models: Models, language: Language) -> None:
    """Show the risk of each horizon with its band, threshold and model version, and one sentence about them.

    A horizon of ``models`` without a risk is said to be missing.
    """
    risks: Sequence[Risk] = prediction["risks"]
    with st.container(border=True):
        for risk in risks:
            _show_risk(risk, language)
        answered = {risk["horizon"] for risk in risks}
        if missing := [horizon for horizon in models if horizon not in answered]:
            st.markdown(text(language, "no_model", when=when(language, missing)))
        highest = max((risk["risk_band"] for risk in risks), key=list(BAND_COLOURS).index)
        st.markdown(f":{BAND_COLOURS[highest]}-background[{verdict(risks, language)}]")
        st.caption(text(language, "prediction_id", prediction_id=prediction["prediction_id"]))


def verdict(risks: Sequence[Risk], language: Language) -> str:
    """One sentence: which horizons' risks reach their thresholds, or that the models disagree.

    Who is readmitted within a horizon is also readmitted within each longer one. The models are fitted one by one and
    have their own thresholds, so they can disagree about a patient.
    """
    longest_first = sorted(risks, key=lambda risk: -HORIZONS[risk["horizon"]].settled_after_days)
    for longer, shorter in pairwise(longest_first):
        # what is not calibrated is no probability, and cannot be compared with one
        if longer["calibrated"] and shorter["calibrated"] and shorter["probability"] > longer["probability"]:
            both = {"longer": longer, "shorter": shorter}
            words = {name: when(language, [risk["horizon"]]) for name, risk in both.items()}
            return text(language, "disagree", **words)
    reached = [risk["horizon"] for risk in longest_first if risk["prediction"]]
    below = [risk["horizon"] for risk in longest_first if not risk["prediction"]]
    return text(language, _key(longest_first), reached=when(language, reached), below=when(language, below))


def show_limits(models: Models, language: Language) -> None:
    """Show what the risks must not be used for, and the ROC AUC of each known model on the test split."""
    with st.expander(text(language, "limits"), expanded=True, icon=":material/info:"):
        st.markdown("\n".join([text(language, "limits.text"), *_measured(models, language)]))


def show_error(error: ReadmissionError, language: Language) -> None:
    """Show an error in the reader's language, with the refused fields when the service names them."""
    st.error(describe(error, language), icon=":material/error:")


def describe(error: ReadmissionError, language: Language) -> str:
    """The text for an error of the inference service."""
    if isinstance(error, InvalidInput):
        return " ".join([text(language, "refused"), *_refused_fields(error, language)])
    if isinstance(error, ModelNotLoaded):
        return text(language, "not_loaded")
    if isinstance(error, Unauthorized):
        return text(language, "unauthorized")
    return text(language, "unavailable")


def percent(share: float, language: Language) -> str:
    """Format a share (0 to 1) as a percentage: ``0.4567`` is ``45,7 %`` in Spanish and ``45.7 %`` in English."""
    shown = f"{100 * share:.1f} %"
    return shown.replace(".", ",") if language == "es" else shown


def _show_risk(risk: Risk, language: Language) -> None:
    words = when(language, [risk["horizon"]])
    st.markdown(f"**{text(language, 'readmission', when=words)}**")
    probability, level, threshold = st.columns(3)
    probability.metric(text(language, "risk", when=words), percent(risk["probability"], language))
    level.metric(text(language, "band"), text(language, f"band.{risk['risk_band']}"))
    threshold.metric(text(language, "threshold", when=words), percent(risk["threshold"], language))
    st.caption(text(language, "model", name=risk["model_name"], version=risk["model_version"]))


def _key(longest_first: Sequence[Risk]) -> str:
    predicted = [bool(risk["prediction"]) for risk in longest_first]
    if all(predicted):
        return "reached"
    if not any(predicted):
        return "below"
    return "mixed" if predicted == sorted(predicted, reverse=True) else "mixed.contradictory"


def _measured(models: Models, language: Language) -> list[str]:
    aucs = {horizon: (model or {}).get("metrics", {}).get("test_roc_auc") for horizon, model in models.items()}
    return [
        text(language, "limits.auc", when=when(language, [horizon]), share=round(100 * float(auc)))
        for horizon, auc in aucs.items()
        if auc is not None
    ]


def _refused_fields(error: InvalidInput, language: Language) -> list[str]:
    names = [name for name in error.fields if name in COLUMN]
    return [_refused_field(COLUMN[name], language) for name in names]


def _refused_field(column: Column, language: Language) -> str:
    field = text(language, f"field.{column.name}")
    if column.kind is Kind.NUMBER:
        return text(language, "refused.number", field=field, low=column.low, high=column.high)
    return text(language, "refused.code" if column.kind is Kind.ICD9 else "refused.field", field=field)
