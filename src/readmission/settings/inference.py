"""The settings of the inference API."""

from pathlib import Path

from pydantic import Field, SecretStr

from readmission.settings.parts import (
    GATE_KEY,
    InferenceDatabaseSettings,
    ListenSettings,
    LogSettings,
    RegistrySettings,
)


class InferenceSettings(InferenceDatabaseSettings, RegistrySettings, ListenSettings, LogSettings):
    """The settings of the inference API.

    ``gate_public_key``: the public keys of the gate, separated by commas; without them no model is loaded.
    ``api_keys``: the keys of all clients, separated by commas; without them ``/predict`` needs no key.
    ``max_wait_seconds``: a request that has waited longer for its worker is refused with 503.
    ``max_connections``: how many a worker keeps open; it refuses further ones with 503.
    ``prediction_log_segment_bytes`` and ``prediction_log_segment_seconds``: when a segment is closed and shipped.
    ``prediction_log_total_bytes``: what the segments of all workers may hold together; more is refused and counted.
    ``patient_reference_key``: under it, the callers' references to patients are hashed; without it none is taken.
    """

    inference_port: int = Field(default=8000, ge=1, lt=65_536)
    inference_grpc_port: int = Field(default=8001, ge=1, lt=65_536)
    inference_workers: int = Field(default=2, ge=1)
    serving_dir: Path = Path("var/inference-api")
    model_poll_seconds: float = Field(default=30, gt=0)
    gate_public_key: str | None = Field(default=None, pattern=rf"^{GATE_KEY.pattern}(\s*,\s*{GATE_KEY.pattern})*$")
    api_keys: SecretStr | None = None
    admin_api_key: SecretStr | None = None
    max_batch_rows: int = Field(default=10_000, ge=1)
    max_body_bytes: int = Field(default=20_000_000, ge=1)
    max_wait_seconds: float = Field(default=0.1, gt=0)
    max_connections: int = Field(default=1000, ge=1)
    prediction_log_segment_bytes: int = Field(default=16_000_000, ge=1)
    prediction_log_segment_seconds: float = Field(default=1, gt=0)
    prediction_log_total_bytes: int = Field(default=1_000_000_000, ge=1)
    patient_reference_key: SecretStr | None = None

    @property
    def prediction_log_folder(self) -> Path:
        """Where predictions wait for the database."""
        return self.serving_dir / "prediction-log"
