"""The settings of the MLflow server."""

from pydantic import SecretStr

from readmission.settings.parts import ObjectStoreSettings


class TrackingSettings(ObjectStoreSettings):
    """The settings of the MLflow server. ``mlflow_backend_store_uri``: the SQLAlchemy URL of its runs and registry."""

    mlflow_backend_store_uri: SecretStr | None = None
