"""The one place that reads the environment.

Each field is the environment variable of the same name in upper case; ``.env.example`` documents all of them.
Secrets have no default: a service that needs one asks with :meth:`Settings.require`.
"""

from datetime import time
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from readmission.errors import MissingSetting

UCI_URL = "https://archive.ics.uci.edu/static/public/296/diabetes+130-us+hospitals+for+years+1999-2008.zip"
UCI_SHA256 = "0689e7ec031237dc63031b938805c48377748761a3b26acab621567afa24df97"


class Settings(BaseSettings):
    """Frozen settings; an empty variable counts as not set."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    # where the encounters come from
    data_path: Path | None = None
    data_cache: Path = Path("var/data-api")
    uci_url: str = UCI_URL
    uci_sha256: str = UCI_SHA256
    synthetic_rows: int = Field(default=101_766, ge=100)
    synthetic_seed: int = 0
    batch_size: int = Field(default=15_000, ge=1)
    batch_interval_seconds: float = Field(default=300, ge=0)
    data_api_key: SecretStr | None = None

    # where each service listens and is reached
    host: str = "127.0.0.1"
    data_api_port: int = Field(default=5001, ge=1, lt=65_536)
    data_api_url: str = "http://127.0.0.1:5001"
    mlflow_tracking_uri: str = "http://127.0.0.1:5000"
    inference_port: int = Field(default=8000, ge=1, lt=65_536)
    inference_workers: int = Field(default=2, ge=1)
    inference_api_url: str | None = None

    # the EC2 instance that the data API lives on; without an id and a tag (name=value) none is asked
    instance_id: str | None = None
    ec2_instance_tag: str | None = Field(default=None, pattern=r"^[^=]+=.+$")
    aws_region: str | None = None
    schedule_start: time = time(8, 55)
    schedule_stop: time = time(23, 55)
    schedule_timezone: str = "America/Lima"
    ec2_poll_seconds: float = Field(default=30, gt=0)
    ec2_wait_seconds: float = Field(default=600, ge=0)

    # object store
    s3_endpoint: str = "http://127.0.0.1:9000"
    s3_access_key: str | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str = "us-east-1"

    # databases: SQLAlchemy URLs, they hold passwords
    raw_database_url: SecretStr | None = None
    clean_database_url: SecretStr | None = None
    inference_database_url: SecretStr | None = None

    # the model
    target: Literal["any", "within_30_days"] = "any"
    model_name: str = "diabetes_classifier"
    experiment_name: str = "diabetes_classification"
    model_seed: int = 0
    bootstrap_rounds: int = Field(default=200, ge=10)
    git_commit: str | None = None

    # serving
    serving_dir: Path = Path("var/serving")
    model_poll_seconds: float = Field(default=30, gt=0)
    api_keys: SecretStr | None = None
    admin_api_key: SecretStr | None = None
    max_batch_rows: int = Field(default=10_000, ge=1)
    max_body_bytes: int = Field(default=20_000_000, ge=1)

    log_json: bool | None = None

    def instance_tag(self) -> tuple[str, str] | None:
        """Name and value of the tag that the instance is found by."""
        if self.ec2_instance_tag is None:
            return None
        name, _, value = self.ec2_instance_tag.partition("=")
        return name, value

    def require(self, name: str) -> str:
        """The value of an optional field, secrets revealed; raises :class:`MissingSetting` when it is not set."""
        value = getattr(self, name)
        if value is None:
            raise MissingSetting(name.upper())
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
