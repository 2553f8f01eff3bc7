"""The parts that the settings of several processes share, one class for each subject."""

from datetime import time

from pydantic import Field, SecretStr

from readmission.settings.base import EnvironmentSettings


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


class RegistrySettings(EnvironmentSettings):
    """The address of MLflow, and the name of the registered model."""

    mlflow_tracking_uri: str = "http://127.0.0.1:5000"
    model_name: str = "diabetes_classifier"


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
