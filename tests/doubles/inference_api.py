"""The inference API, in memory."""

import json
from collections.abc import Mapping
from typing import Any

from readmission.domain.schema import FEATURE_NAMES
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
    "target": "any",
    "threshold": 0.4581,
    "risk_bands": {"medium": 0.4, "high": 0.6},
    "calibrated": True,
    "candidate": "lightgbm",
    "trained_at": "2026-11-23T11:00:00Z",
}
SCORE = {
    "prediction_id": "0b6f1c1e-5a52-4b5e-8c2e-3c7a1e0f7a11",
    "prediction": 1,
    "probability": 0.6123,
    "risk_band": "high",
}


class FakeInferenceApi:
    """A double of ``adapters.inference_api.InferenceApi``; ``InferenceApiContract`` holds both.

    ``model`` changes what it says of its model, ``failing`` holds the error of a call by its name, ``asked`` the
    encounters that it was asked about. A reload brings it to the version ``production``.
    """

    def __init__(
        self,
        model: Mapping[str, Any] | None = None,
        *,
        production: str = "3",
        failing: Mapping[str, Exception] | None = None,
    ) -> None:
        self.model = MODEL | dict(model or {})
        self.production = production
        self.failing = dict(failing or {})
        self.asked: list[dict[str, Any]] = []

    def model_info(self) -> dict[str, Any]:
        self._fail("model_info")
        return self.model

    def predict(self, encounter: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(encounter))
        self._fail("predict")
        parse_encounter(json.dumps(dict(encounter)).encode())
        named = {"model_name": self.model["name"], "model_version": self.model["version"]}
        same = {name: self.model[name] for name in ("threshold", "data_source", "calibrated")}
        return SCORE | named | same

    def reload_model(self) -> dict[str, Any]:
        self._fail("reload_model")
        previous, self.model["version"] = self.model["version"], self.production
        return {"model_name": self.model["name"], "previous_version": previous, "model_version": self.production}

    def _fail(self, call: str) -> None:
        if call in self.failing:
            raise self.failing[call]
