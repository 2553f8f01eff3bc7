"""The inference API for any ASGI server: ``uvicorn --app-dir fastapi main:app``; ``readmission serve`` adds workers."""

from readmission.log import configure_logging
from readmission.serving.app import create_app
from readmission.serving.server import bound_mlflow_requests
from readmission.settings import InferenceSettings

settings = InferenceSettings()
configure_logging(json=settings.log_json)
bound_mlflow_requests()
app = create_app(settings)
