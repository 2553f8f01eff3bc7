"""The parts that several processes share, each about one thing."""

from datetime import time

from pydantic import Field, SecretStr

from readmission.settings.base import EnvironmentSettings


class LogSettings(EnvironmentSettings):
    """``log_json``: JSON lines or readable text; None: JSON unless a terminal reads it."""

    log_json: bool | None = None


class ListenSettings(EnvironmentSettings):
    """The address that a server listens on."""

    host: str = "127.0.0.1"


class InferenceDatabaseSettings(EnvironmentSettings):
    """The prediction log and the ledger of promotions, as an SQLAlchemy URL with its password."""

    inference_database_url: SecretStr | None = None


class DatabaseSettings(InferenceDatabaseSettings):
    """All three databases, as SQLAlchemy URLs with their passwords."""

    raw_database_url: SecretStr | None = None
    clean_database_url: SecretStr | None = None


class ObjectStoreSettings(EnvironmentSettings):
    """Any S3 server."""

    s3_endpoint: str = "http://127.0.0.1:9000"
    s3_access_key: str | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str = "us-east-1"


class RegistrySettings(EnvironmentSettings):
    """MLflow, and the registered model."""

    mlflow_tracking_uri: str = "http://127.0.0.1:5000"
    model_name: str = "diabetes_classifier"


class InstanceSettings(EnvironmentSettings):
    """The EC2 instance that the data API lives on, and its hours; without an id and a tag (name=value) none is asked.

    ``schedule_start`` and ``schedule_stop`` are times of day in ``schedule_timezone`` (an IANA name).
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
        """Name and value of the tag that the instance is found by; None when no tag is set."""
        if self.ec2_instance_tag is None:
            return None
        name, _, value = self.ec2_instance_tag.partition("=")
        return name, value
