"""The parts that the settings of several processes share, one class for each subject."""

import os
import re
from datetime import time
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from readmission.domain.horizon import HORIZON_NAMES, HORIZONS, HorizonName
from readmission.settings.base import EnvironmentSettings

# 32 bytes in URL-safe base64
GATE_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")


class LogSettings(EnvironmentSettings):
    """The format of the log. ``log_json``: JSON lines (True) or text (False); None: text on a terminal, else JSON."""

    log_json: bool | None = None


class ListenSettings(EnvironmentSettings):
    """The address that a server listens on."""

    host: str = "127.0.0.1"


class InferenceDatabaseSettings(EnvironmentSettings):
    """The SQLAlchemy URL, with its password, of the database of predictions and promotions."""

    inference_database_url: SecretStr | None = None


class DatabaseSettings(InferenceDatabaseSettings):
    """The SQLAlchemy URLs, with their passwords, of all three databases."""

    raw_database_url: SecretStr | None = None
    clean_database_url: SecretStr | None = None


class ObjectStoreSettings(EnvironmentSettings):
    """The address, keys and region of an S3 server."""

    s3_endpoint: str = "http://127.0.0.1:9000"
    s3_access_key: str | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str = "us-east-1"


class DataApiReaderSettings(EnvironmentSettings):
    """The key that opens the encounters of the data API: the server asks for it, its reader sends it."""

    data_api_read_key: SecretStr | None = None


class HorizonSettings(EnvironmentSettings):
    """What is predicted: the horizons, the primary one first."""

    horizons: Annotated[tuple[HorizonName, ...], NoDecode, Field(min_length=1, validate_default=True)] = HORIZON_NAMES

    @field_validator("horizons", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value

    @field_validator("horizons")
    @classmethod
    def _each_once(cls, value: tuple[HorizonName, ...]) -> tuple[HorizonName, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a horizon is named twice")
        return value

    @field_validator("horizons")
    @classmethod
    def _instead_of_target(cls, value: tuple[HorizonName, ...]) -> tuple[HorizonName, ...]:
        # the setting of earlier releases; a TARGET of any other value belongs to another program
        old = os.environ.get("TARGET")
        if old in HORIZON_NAMES and not os.environ.get("HORIZONS"):
            primary_first = ",".join(sorted(HORIZON_NAMES, key=lambda name: name != old))
            raise ValueError(f"it replaces TARGET={old}: delete TARGET and write HORIZONS={primary_first}")
        return value


class RegistrySettings(HorizonSettings):
    """The address of MLflow, the account of this process there, and the registered models.

    MLflow's client reads the account from the environment: see ``adapters/mlflow_requests.py``. ``model_name``: what
    the names of all registered models begin with.
    """

    mlflow_tracking_uri: str = "http://127.0.0.1:5000"
    mlflow_tracking_username: str | None = None
    mlflow_tracking_password: SecretStr | None = None
    model_name: str = "diabetes_classifier"

    def registered_models(self) -> dict[HorizonName, str]:
        """The name of the registered model of each horizon, the primary first."""
        return {name: HORIZONS[name].model_name(self.model_name) for name in self.horizons}


class AirflowApiSettings(EnvironmentSettings):
    """The address of Airflow's REST API, and the account that writes the notes of runs; without a URL there are none.

    The account needs the right to change runs: the simple auth manager's role ``user``.
    """

    airflow_api_url: str | None = None
    airflow_api_user: str = "pipeline"
    airflow_api_password: SecretStr | None = None


class SigningSettings(EnvironmentSettings):
    """The private key that signs the gate's decisions: 32 random bytes in URL-safe base64 (44 characters)."""

    gate_signing_key: SecretStr | None = None

    @field_validator("gate_signing_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not GATE_KEY.fullmatch(value.get_secret_value()):
            raise ValueError("it must be 32 bytes in URL-safe base64")
        return value


class InstanceSettings(EnvironmentSettings):
    """The EC2 instance that runs the data API, and its hours. Without an id and a tag, no instance is used.

    ``ec2_instance_tag`` has the form name=value. ``schedule_start`` and ``schedule_stop`` are times of day in
    ``schedule_timezone``, an IANA name.
    """

    instance_id: str | None = None
    ec2_instance_tag: str | None = Field(default=None, pattern=r"^[^=]+=.+$")
    aws_region: str | None = None
    schedule_start: time = time(8, 55)
    schedule_stop: time = time(23, 55)
    schedule_timezone: str = "America/Lima"
    ec2_poll_seconds: float = Field(default=30, gt=0)
    ec2_wait_seconds: float = Field(default=600, ge=0)

    def instance_tag(self) -> tuple[str, str] | None:
        """Name and value of the tag that identifies the instance; None when no tag is set."""
        if self.ec2_instance_tag is None:
            return None
        name, _, value = self.ec2_instance_tag.partition("=")
        return name, value


class DagSettings(InstanceSettings, HorizonSettings):
    """What the DAG file reads when Airflow parses it: how long a run waits for the instance, and the horizons."""
