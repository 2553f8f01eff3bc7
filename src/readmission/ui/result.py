"""What the page says after a prediction, and about the model behind it."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from readmission.domain.data_source import SYNTHETIC
from readmission.domain.schema import COLUMN, Column, Kind
from readmission.errors import InvalidInput, ModelNotLoaded, ReadmissionError, Unauthorized
from readmission.ui.texts import Language, text

BAND_COLOURS = {"low": "green", "medium": "orange", "high": "red"}


def show_warnings(model: Mapping[str, Any], language: Language) -> None:
    """Banners that nobody can miss: a model from synthetic data, a model whose percentage is no probability."""
    if model["data_source"] == SYNTHETIC:
        st.error(f"### {text(language, 'synthetic_model')}", icon=":material/warning:")
    if not model["calibrated"]:
        st.warning(f"### {text(language, 'uncalibrated')}", icon=":material/percent:")


def show_prediction(prediction: Mapping[str, Any], model: Mapping[str, Any], language: Language) -> None:
    """The risk, its band, the threshold and which model said so."""
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
    """What the model is not for; with its measured discrimination when a model is known."""
    auc = (model or {}).get("metrics", {}).get("test_roc_auc")
    with st.expander(text(language, "limits"), expanded=True, icon=":material/info:"):
        measured = "" if auc is None else "\n" + text(language, "limits.auc", share=round(100 * float(auc)))
        st.markdown(text(language, "limits.text") + measured)


def show_error(error: ReadmissionError, language: Language) -> None:
    """An error in the reader's language; the field is named when the service named it."""
    st.error(describe(error, language), icon=":material/error:")


def describe(error: ReadmissionError, language: Language) -> str:
    """The sentence for an error of the inference service."""
    if isinstance(error, InvalidInput):
        return " ".join([text(language, "refused"), *_refused_fields(error, language)])
    if isinstance(error, ModelNotLoaded):
        return text(language, "not_loaded")
    if isinstance(error, Unauthorized):
        return text(language, "unauthorized")
    return text(language, "unavailable")


def percent(share: float, language: Language) -> str:
    """``0.4567`` as ``45,7 %`` in Spanish and ``45.7 %`` in English."""
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
