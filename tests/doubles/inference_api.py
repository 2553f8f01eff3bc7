"""The inference API, in memory."""

import json
from collections.abc import Mapping
from typing import Any

from readmission.domain.horizon import HorizonName
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import ModelNotLoaded, NotFound
from readmission.serving.encounter import parse_encounter

MODEL: dict[str, Any] = {
    "name": "diabetes_classifier",
    "version": "3",
    "loaded_at": "2026-11-23T12:00:00Z",
    "stale": False,
    "metrics": {"test_roc_auc": 0.691},
    "features": list(FEATURE_NAMES),
    "data_source": "uci",
    "digest": "ab" * 32,
    "dataset_digest": "cd" * 32,
    "horizon": "any",
    "threshold": 0.4581,
    "risk_bands": {"medium": 0.4, "high": 0.6},
    "calibrated": True,
    "candidate": "lightgbm",
    "trained_at": "2026-11-23T11:00:00Z",
}
MODEL_30D = MODEL | {
    "name": "diabetes_classifier_30d",
    "version": "5",
    "metrics": {"test_roc_auc": 0.658},
    "digest": "ef" * 32,
    "horizon": "within_30_days",
    "threshold": 0.1103,
    "risk_bands": {"medium": 0.1, "high": 0.2},
}
PREDICTION_ID = "0b6f1c1e-5a52-4b5e-8c2e-3c7a1e0f7a11"
SCORES: dict[str, dict[str, Any]] = {
    "any": {"prediction": 1, "probability": 0.6123, "risk_band": "high"},
    "within_30_days": {"prediction": 1, "probability": 0.1534, "risk_band": "medium"},
}


class FakeInferenceApi:
    """A double of ``adapters.inference_api.InferenceApi``; ``InferenceApiContract`` holds both.

    ``model`` changes what it says of the primary horizon's model, ``models`` replaces the models of all horizons, the
    primary first (None: a horizon without a model), ``scores`` those of its answers. ``failing`` holds the error of a
    call by its name, ``asked`` the encounters that it was asked about. A reload brings each model to the version
    ``production``; ``reloaded`` has the horizons that were asked for.
    """

    def __init__(
        self,
        model: Mapping[str, Any] | None = None,
        *,
        models: Mapping[HorizonName, Mapping[str, Any] | None] | None = None,
        scores: Mapping[str, Mapping[str, Any]] | None = None,
        production: str = "3",
        failing: Mapping[str, Exception] | None = None,
    ) -> None:
        served = models or {"any": MODEL | dict(model or {}), "within_30_days": MODEL_30D}
        self.served = {horizon: dict(each) if each else None for horizon, each in served.items()}
        self.scores = {horizon: SCORES[horizon] | dict((scores or {}).get(horizon, {})) for horizon in SCORES}
        self.production = production
        self.failing = dict(failing or {})
        self.asked: list[dict[str, Any]] = []
        self.reloaded: list[HorizonName | None] = []

    def model_info(self, horizon: HorizonName | None = None) -> dict[str, Any]:
        self._fail("model_info")
        return self._model(horizon or self._primary)

    def models(self) -> dict[HorizonName, dict[str, Any] | None]:
        self._fail("models")
        return dict(self.served)

    def ready_horizons(self) -> list[dict[str, Any]]:
        self._fail("ready_horizons")
        self._model(self._primary)
        return [
            {"horizon": horizon, "model_name": model["name"], "model_version": model["version"]}
            for horizon, model in self.served.items()
            if model
        ]

    def predict(self, encounter: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(encounter))
        self._fail("predict")
        self._model(self._primary)
        parse_encounter(json.dumps(dict(encounter)).encode())
        risks = [self._risk(horizon, model) for horizon, model in self.served.items() if model]
        primary = {name: value for name, value in risks[0].items() if name != "horizon"}
        return {"prediction_id": PREDICTION_ID, **primary, "risks": risks}

    def reload_model(self, horizon: HorizonName | None = None) -> dict[str, Any]:
        self._fail("reload_model")
        self.reloaded.append(horizon)
        reloads = [
            {"horizon": name, **self._reload(model)}
            for name, model in self.served.items()
            if model and horizon in (None, name)
        ]
        if not reloads:
            raise NotFound("no version is in production")
        asked = {name: value for name, value in reloads[0].items() if name != "horizon"}
        return {**asked, "models": reloads}

    @property
    def _primary(self) -> HorizonName:
        return next(iter(self.served))

    def _model(self, horizon: HorizonName) -> dict[str, Any]:
        if horizon not in self.served:
            raise NotFound(f"{horizon} is not served")
        if (model := self.served[horizon]) is None:
            raise ModelNotLoaded(horizon)
        return model

    def _risk(self, horizon: HorizonName, model: dict[str, Any]) -> dict[str, Any]:
        named = {"model_name": model["name"], "model_version": model["version"]}
        same = {name: model[name] for name in ("threshold", "data_source", "calibrated")}
        return {"horizon": horizon, **self.scores[horizon], **same, **named}

    def _reload(self, model: dict[str, Any]) -> dict[str, Any]:
        previous, model["version"] = model["version"], self.production
        return {"model_name": model["name"], "previous_version": previous, "model_version": self.production}

    def _fail(self, call: str) -> None:
        if call in self.failing:
            raise self.failing[call]
