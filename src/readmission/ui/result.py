"""Shows the prediction, the warnings and limits of the model, and errors."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from readmission.domain.data_source import SYNTHETIC
from readmission.domain.schema import COLUMN, Column, Kind
from readmission.errors import InvalidInput, ModelNotLoaded, ReadmissionError, Unauthorized
from readmission.ui.texts import Language, text

BAND_COLOURS = {"low": "green", "medium": "orange", "high": "red"}


def show_warnings(model: Mapping[str, Any], language: Language) -> None:
    """Show banners when the model was trained on synthetic data, or when it is not calibrated."""
    if model["data_source"] == SYNTHETIC:
        st.error(f"### {text(language, 'synthetic_model')}", icon=":material/warning:")
    if not model["calibrated"]:
        st.warning(f"### {text(language, 'uncalibrated')}", icon=":material/percent:")


def show_prediction(prediction: Mapping[str, Any], model: Mapping[str, Any], language: Language) -> None:
    """Show the risk, its band, the threshold and the model version."""
    band = prediction["risk_band"]
    with st.container(border=True):
        risk, level, threshold, version = st.columns(4)
        risk.metric(text(language, f"risk.{model['target']}"), percent(prediction["probability"], language))
        level.metric(text(language, "band"), text(language, f"band.{band}"))
        threshold.metric(text(language, "threshold"), percent(prediction["threshold"], language))
        version.metric(text(language, "model"), text(language, "version", version=prediction["model_version"]))
        verdict = text(language, "above" if prediction["prediction"] else "below")
        st.markdown(f":{BAND_COLOURS[band]}-background[{verdict}]")
        st.caption(
            f"{prediction['model_name']} · {text(language, 'prediction_id', prediction_id=prediction['prediction_id'])}"
        )


def show_limits(model: Mapping[str, Any] | None, language: Language) -> None:
    """Show what the model must not be used for, and its ROC AUC on the test split when ``model`` is known."""
    auc = (model or {}).get("metrics", {}).get("test_roc_auc")
    with st.expander(text(language, "limits"), expanded=True, icon=":material/info:"):
        measured = "" if auc is None else "\n" + text(language, "limits.auc", share=round(100 * float(auc)))
        st.markdown(text(language, "limits.text") + measured)


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


def _refused_fields(error: InvalidInput, language: Language) -> list[str]:
    names = [name for name in error.fields if name in COLUMN]
    return [_refused_field(COLUMN[name], language) for name in names]


def _refused_field(column: Column, language: Language) -> str:
    field = text(language, f"field.{column.name}")
    if column.kind is Kind.NUMBER:
        return text(language, "refused.number", field=field, low=column.low, high=column.high)
    return text(language, "refused.code" if column.kind is Kind.ICD9 else "refused.field", field=field)
