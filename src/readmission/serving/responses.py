"""The shapes that several routes answer with, for OpenAPI; the routes write plain dictionaries of these keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
RiskBand = Literal["low", "medium", "high"]
DataSource = Annotated[str, Field(description="What the model learned from: uci, file, or synthetic (never clinical).")]
Calibrated = Annotated[bool, Field(description="Whether the probability can be read as a share of patients.")]

PREDICTION_EXAMPLE: dict[str, Any] = {
    "prediction_id": "0198f2a4-6b1c-7d3e-9f00-5a1b2c3d4e5f",
    "prediction": 1,
    "probability": 0.5312,
    "threshold": 0.46,
    "risk_band": "high",
    "model_name": "diabetes_classifier",
    "model_version": "7",
    "data_source": "uci",
    "calibrated": True,
}


class Answer(BaseModel):
    """Base of all answers; their fields may begin with ``model_``."""

    model_config = ConfigDict(protected_namespaces=())


class Score(Answer):
    """What the model says of one encounter; ``prediction`` is 1 when the probability reaches the threshold."""

    prediction_id: str = Field(description="Name of this prediction; send it to /outcomes with the later truth.")
    prediction: Literal[0, 1]
    probability: Probability
    risk_band: RiskBand


class Prediction(Score):
    """The answer to one encounter."""

    model_config = ConfigDict(json_schema_extra={"example": PREDICTION_EXAMPLE})

    threshold: Probability
    model_name: str
    model_version: str
    data_source: DataSource
    calibrated: Calibrated


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
    """A field that is not valid; the value is never repeated."""

    field: str = Field(description="Its name; empty when the row as a whole is meant.")
    message: str
    allowed: dict[str, Any] = Field(description="JSON Schema of what the field may hold.")
