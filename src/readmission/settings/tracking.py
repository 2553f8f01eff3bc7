"""The settings of the MLflow server."""

from pydantic import SecretStr

from readmission.settings.parts import ObjectStoreSettings


class TrackingSettings(ObjectStoreSettings):
    """``mlflow_backend_store_uri``: the SQLAlchemy URL where MLflow keeps runs and the registry."""

    mlflow_backend_store_uri: SecretStr | None = None
