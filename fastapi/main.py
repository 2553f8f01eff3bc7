"""The inference API for any ASGI server: ``uvicorn --app-dir fastapi main:app``; ``readmission serve`` adds workers."""

from readmission.serving.app import create_app
from readmission.settings import InferenceSettings

app = create_app(InferenceSettings())
