"""The response models for OpenAPI. The routes build their responses as plain dictionaries with the same keys."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
RiskBand = Literal["low", "medium", "high"]
DataSource = Annotated[str, Field(description="Training data: uci, file, or synthetic (not for clinical use).")]
Calibrated = Annotated[bool, Field(description="Whether the probability can be read as a risk.")]

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


class _Answer(BaseModel):
    model_config = ConfigDict(protected_namespaces=())


class Score(_Answer):
    """The prediction for one encounter. ``prediction`` is 1 when the probability is at least the threshold."""

    prediction_id: str = Field(description="Identifier to send to /outcomes when the outcome is known.")
    prediction: Literal[0, 1]
    probability: Probability
    risk_band: RiskBand


class Prediction(Score):
    """The response to one encounter."""

    model_config = ConfigDict(json_schema_extra={"example": PREDICTION_EXAMPLE})

    threshold: Probability
    model_name: str
    model_version: str
    data_source: DataSource
    calibrated: Calibrated


class Problem(_Answer):
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


class RefusedField(_Answer):
    """A field that is not valid. The response never repeats its value."""

    field: str = Field(description="Name of the field. Empty when the problem concerns the whole row.")
    message: str
    allowed: dict[str, Any] = Field(description="JSON Schema of the valid values of the field.")


class BatchScore(Score):
    """The prediction for one row of a batch."""

    index: int = Field(description="Position of the encounter in the request, from 0.")


class BatchRefusal(_Answer):
    """A row that was not predicted."""

    index: int
    errors: list[RefusedField]


class BatchPrediction(_Answer):
    """The response to a batch. ``predictions`` has one entry for each row, in the order of the request."""

    rows: int
    predicted: int
    refused: int
    threshold: Probability
    model_name: str
    model_version: str
    data_source: DataSource
    calibrated: Calibrated
    predictions: list[BatchScore | BatchRefusal]


class RiskBands(_Answer):
    """The limits of the risk bands: low below ``medium``, high from ``high`` on, medium between them."""

    medium: Probability
    high: Probability


class ModelInfo(_Answer):
    """The model that this worker serves."""

    name: str
    version: str
    loaded_at: datetime
    stale: bool = Field(description="True while the production version is unknown or cannot be loaded.")
    metrics: dict[str, float] = Field(description="Measured before the promotion.")
    features: list[str]
    data_source: DataSource
    digest: str = Field(description="sha256 of the model file.")
    dataset_digest: str
    target: Literal["any", "within_30_days"]
    threshold: Probability
    risk_bands: RiskBands
    calibrated: Calibrated
    candidate: str
    trained_at: datetime


class Reload(_Answer):
    """The versions before and after a reload."""

    model_name: str
    previous_version: str | None
    model_version: str


class Outcome(BaseModel):
    """Whether the patient of a prediction was readmitted."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={
            "example": {
                "prediction_id": PREDICTION_EXAMPLE["prediction_id"],
                "readmitted": True,
                "observed_at": "2026-11-03T08:30:00Z",
            }
        },
    )

    prediction_id: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z-]+$")
    readmitted: bool
    observed_at: AwareDatetime | None = Field(
        default=None, description="When it was known, with a time zone. Default: now."
    )
