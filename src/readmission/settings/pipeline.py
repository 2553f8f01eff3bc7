"""The settings of the pipeline's tasks, and of the commands ``migrate``, ``rollback`` and ``sign``."""

from pathlib import Path

from pydantic import Field, SecretStr

from readmission.domain.horizon import HORIZONS
from readmission.settings.parts import (
    AirflowApiSettings,
    DataApiReaderSettings,
    DatabaseSettings,
    InstanceSettings,
    ObjectStoreSettings,
    RegistrySettings,
    SigningSettings,
)


class PipelineSettings(
    DataApiReaderSettings,
    DatabaseSettings,
    ObjectStoreSettings,
    RegistrySettings,
    SigningSettings,
    InstanceSettings,
    AirflowApiSettings,
):
    """The settings of a task. ``inference_api_url``: None when no inference API is to be told of a promotion.

    ``data_api_certificate``: a PEM file, the only certificates that are trusted for an https ``data_api_url``; None
    trusts the public authorities. ``bootstrap_rounds``: samples for each confidence interval. ``git_commit``: None
    asks git. ``gate_*``: ROC AUC, as in :class:`~readmission.domain.gate.evidence.Limits`.
    """

    data_api_url: str = "http://127.0.0.1:5001"
    data_api_certificate: Path | None = None
    inference_api_url: str | None = None
    admin_api_key: SecretStr | None = None
    experiment_name: str = "diabetes_classification"
    model_seed: int = 0
    bootstrap_rounds: int = Field(default=200, ge=10)
    git_commit: str | None = None
    gate_floor_any: float = Field(default=HORIZONS["any"].default_floor, ge=0, lt=1)
    gate_floor_within_30_days: float = Field(default=HORIZONS["within_30_days"].default_floor, ge=0, lt=1)
    gate_non_inferiority_margin: float = Field(default=0.01, ge=0, lt=1)
