"""Response models that several routes share, for OpenAPI. The routes build plain dictionaries with the same keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from readmission.domain.data_source import UCI
from readmission.domain.horizon import HorizonName

Probability = Annotated[float, Field(ge=0, le=1)]
RiskBand = Literal["low", "medium", "high"]
DataSource = Annotated[str, Field(description="Training data: uci, file, or synthetic (not for clinical use).")]
Calibrated = Annotated[bool, Field(description="Whether the probability can be read as a risk.")]
HorizonField = Annotated[HorizonName, Field(description="Within which time a readmission is predicted.")]

PREDICTION_EXAMPLE: dict[str, Any] = {
    "prediction_id": "0198f2a4-6b1c-7d3e-9f00-5a1b2c3d4e5f",
    "prediction": 1,
    "probability": 0.5312,
    "threshold": 0.46,
    "risk_band": "high",
    "model_name": "diabetes_classifier",
    "model_version": "7",
    "data_source": UCI,
    "calibrated": True,
    "risks": [
        {
            "horizon": "any",
            "probability": 0.5312,
            "prediction": 1,
            "risk_band": "high",
            "threshold": 0.46,
            "calibrated": True,
            "data_source": UCI,
            "model_name": "diabetes_classifier",
            "model_version": "7",
        },
        {
            "horizon": "within_30_days",
            "probability": 0.1387,
            "prediction": 1,
            "risk_band": "medium",
            "threshold": 0.12,
            "calibrated": True,
            "data_source": UCI,
            "model_name": "diabetes_classifier_30d",
            "model_version": "4",
        },
    ],
}


class Answer(BaseModel):
    """Base of all answers; their fields may begin with ``model_``."""

    model_config = ConfigDict(protected_namespaces=())


class ModelFacts(Answer):
    """The model behind a risk. At the top of a response it is the model of the primary horizon."""

    threshold: Probability
    calibrated: Calibrated
    data_source: DataSource
    model_name: str
    model_version: str


class RowRisk(Answer):
    """The risk for one horizon. ``prediction`` is 1 when the probability is at least the model's threshold."""

    horizon: HorizonField
    probability: Probability
    prediction: Literal[0, 1]
    risk_band: RiskBand


class Risk(RowRisk, ModelFacts):
    """The risk for one horizon, with the model that gave it."""


class Score(Answer):
    """The prediction for one encounter: the risk for the primary horizon."""

    prediction_id: str = Field(description="Identifier to send to /outcomes when the outcome is known.")
    prediction: Literal[0, 1]
    probability: Probability
    risk_band: RiskBand


class Prediction(Score, ModelFacts):
    """The response to one encounter."""

    model_config = ConfigDict(json_schema_extra={"example": PREDICTION_EXAMPLE})

    risks: list[Risk] = Field(description="The risk for each horizon that has a model, the primary first.")


class Problem(Answer):
    """An RFC 9457 problem document."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "1 of the encounter's fields are not valid",
                "errors": [
                    {
                        "field": "time_in_hospital",
                        "message": "must be a whole number from 1 to 14",
                        "allowed": {"type": "integer", "minimum": 1, "maximum": 14},
                    }
                ],
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list["RefusedField"] = Field(default=[], description="One entry for each refused field.")


class RefusedField(Answer):
    """A field that is not valid. The response never repeats its value."""

    field: str = Field(description="Name of the field. Empty when the problem concerns the whole row.")
    message: str
    allowed: dict[str, Any] = Field(description="JSON Schema of the valid values of the field.")
