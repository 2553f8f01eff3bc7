"""The settings of the MLflow server."""

from pydantic import SecretStr

from readmission.settings.parts import ObjectStoreSettings


class TrackingSettings(ObjectStoreSettings):
    """The settings of the MLflow server. ``mlflow_backend_store_uri``: the SQLAlchemy URL of its runs and registry.

    Each password belongs to the account in its name.
    """

    mlflow_backend_store_uri: SecretStr | None = None
    mlflow_admin_password: SecretStr | None = None
    mlflow_pipeline_password: SecretStr | None = None
    mlflow_serving_password: SecretStr | None = None
