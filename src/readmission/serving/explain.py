"""``POST /explain``: the risk of one encounter, and what each group of features contributes to it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field
from pydantic_core import to_json

from readmission.domain.background import reference_row
from readmission.domain.decoding import ClinicalValue, decode
from readmission.domain.encoding import encode
from readmission.domain.feature_groups import FEATURE_GROUPS, SINGLE_FEATURES
from readmission.domain.horizon import HORIZON_NAMES, HorizonName
from readmission.errors import NotExplainable
from readmission.http_contract import JSON
from readmission.prediction.explain import NOTE, Explanation, explain
from readmission.prediction.place import Place
from readmission.serving.choices import choice_parameters, choices
from readmission.serving.encounter import Encounter, parse_encounter
from readmission.serving.live_model import LiveModel, LiveModels, ModelSlots
from readmission.serving.openapi import DirectRoute, json_body, problems
from readmission.serving.predict import REFERENCE_PARAMETER, Predicting, patient_reference
from readmission.serving.request_body import media_type, read_body
from readmission.serving.responses import PREDICTION_EXAMPLE, Answer, Prediction, Probability

PARAMETERS = {"horizon": HORIZON_NAMES, "detail": ("features",)}
_DESCRIBED = {
    "horizon": "The risk to explain; by default that of the primary horizon.",
    "detail": "Explain each feature, too.",
}
# of about twenty groups, which add up to the difference from the base, two are shown
EXPLANATION_EXAMPLE: dict[str, Any] = {
    "horizon": "any",
    "log_odds": 0.125,
    "probability": 0.5312,
    "base": {"log_odds": -0.19, "probability": 0.4532},
    "background_rows": 100,
    "groups": [
        {
            "group": "inpatient_stays",
            "log_odds": 0.31,
            "probability": 0.0765,
            "features": [{"feature": "number_inpatient", "value": 1, "reference": 0}],
        },
        {
            "group": "length_of_stay",
            "log_odds": 0.02,
            "probability": 0.0049,
            "features": [{"feature": "time_in_hospital", "value": 5, "reference": 4}],
        },
    ],
    "note": NOTE,
}


class FeatureValue(Answer):
    """The value of a feature, with defaults and derived values filled in. A diagnosis is its disease group."""

    feature: str
    value: ClinicalValue = Field(description="Of this encounter; null: not known.")
    reference: ClinicalValue = Field(description="Median of a number in the background, else the most frequent value.")


class GroupContribution(Answer):
    """What a group of features adds to this patient's risk, compared with the background's mean."""

    group: str
    log_odds: float
    probability: float
    features: list[FeatureValue]


class FeatureContribution(FeatureValue):
    """What one feature adds. It is a game of its own: a group's contribution is not the sum over its features."""

    log_odds: float
    probability: float


class Base(Answer):
    """The means over the background, to which the contributions add."""

    log_odds: float
    probability: Probability


class ExplanationAnswer(Answer):
    """Shapley values of the served model. ``base`` and all contributions of a list add up to the patient's values."""

    horizon: Literal["any", "within_30_days"]
    log_odds: float = Field(description="Of the probability of this horizon.")
    probability: Probability
    base: Base
    background_rows: int = Field(description="Number of encounters of the training split that are compared with.")
    groups: list[GroupContribution] = Field(description="The largest contribution to the log-odds first.")
    features: list[FeatureContribution] | None = Field(None, description="With detail=features, in the same order.")
    note: str


class ExplainedPrediction(Prediction):
    """The response of /predict, and its explanation."""

    model_config = ConfigDict(json_schema_extra={"example": PREDICTION_EXAMPLE | {"explanation": EXPLANATION_EXAMPLE}})

    explanation: ExplanationAnswer


def explain_router(predicting: Predicting, place: Place) -> APIRouter:
    """The route. ``place`` limits how many explanations a worker makes at a time: each takes a core for a while.

    The answer is a prediction like that of ``/predict``: it is counted, and logged once, with the source ``explain``.
    """
    router = APIRouter(route_class=DirectRoute, tags=["prediction"])

    @router.post(
        "/explain",
        summary="The risk of one encounter, and why",
        responses={200: {"model": ExplainedPrediction}, **problems(400, 401, 404, 409, 413, 415, 422, 503)},
        openapi_extra=json_body(Encounter, [*choice_parameters(_DESCRIBED, PARAMETERS), REFERENCE_PARAMETER]),
    )
    async def explain_prediction(request: Request) -> Response:
        predicting.keys.check(request)
        media_type(request, JSON)
        asked = choices(request, PARAMETERS)
        body = await read_body(request, predicting.max_encounter_bytes)
        encounter = parse_encounter(body)
        models = predicting.slots.current()
        live = _explained(predicting.slots, models, asked.get("horizon"))
        matrix = encode([encounter])
        # no place is held while a body arrives, so a slow sender keeps nobody out
        explanation = await asyncio.to_thread(_explain_in, place, live, matrix[0], "detail" in asked)
        answer = predicting.answering.answer(body, patient_reference(request), "explain", models)
        return Response(b'%b,"explanation":%b}' % (answer[:-1], to_json(explanation)), media_type=JSON)

    return router


def _explained(slots: ModelSlots, models: LiveModels, horizon: str | None) -> LiveModel:
    """The model to explain, of those that answer. Raises as ``ModelSlots`` does when the horizon has none."""
    if horizon is None:
        return models[0]
    found = next((live for live in models if live.horizon == horizon), None)
    return found or slots.slot(cast(HorizonName, horizon)).current()


def _explain_in(place: Place, live: LiveModel, row: np.ndarray, detailed: bool) -> dict[str, Any]:
    # the thread holds the place, not the request: one that is given up computes on
    with place:
        return explanation_of(live, row, detailed=detailed)


def explanation_of(live: LiveModel, row: np.ndarray, *, detailed: bool) -> dict[str, Any]:
    """Explain an encoded encounter ``(len(FEATURES),)``, with the keys of ``ExplanationAnswer``.

    ``detailed``: the features, too. Raises :class:`NotExplainable` when the model has no background.
    """
    background = live.model.background
    if background is None:
        raise NotExplainable(
            f"{live.version.name} version {live.version.version} has no background to compare with, because an earlier "
            "release registered it: a version that is trained now can be explained"
        )
    predict = live.model.predict_probability
    values = _values(row, background)
    groups = explain(predict, row, background, FEATURE_GROUPS)
    features = explain(predict, row, background, SINGLE_FEATURES) if detailed else None
    return {
        "horizon": live.metadata.target,
        "log_odds": groups.log_odds,
        "probability": groups.probability,
        "base": {"log_odds": groups.base_log_odds, "probability": groups.base_probability},
        "background_rows": len(background),
        "groups": _groups(groups, values),
        **({} if features is None else {"features": _features(features, values)}),
        "note": NOTE,
    }


def _values(row: np.ndarray, background: np.ndarray) -> dict[str, dict[str, Any]]:
    given, typical = decode(row), decode(reference_row(background))
    return {name: {"feature": name, "value": given[name], "reference": typical[name]} for name in given}


def _groups(explanation: Explanation, values: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "group": found.name,
            "log_odds": found.log_odds,
            "probability": found.probability,
            "features": [values[name] for name in found.features],
        }
        for found in explanation.contributions
    ]


def _features(explanation: Explanation, values: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        values[found.name] | {"log_odds": found.log_odds, "probability": found.probability}
        for found in explanation.contributions
    ]
