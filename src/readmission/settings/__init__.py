"""The only place that reads the environment: one frozen class for each process, made of shared parts.

Each field is the environment variable of the same name in upper case; ``.env.example`` documents all of them. A process
is given only the variables of its own class, so that nobody holds a secret that it does not read.
"""

from readmission.settings.data_api import DataApiSettings
from readmission.settings.inference import InferenceSettings
from readmission.settings.page import PageSettings
from readmission.settings.pipeline import PipelineSettings
from readmission.settings.tracking import TrackingSettings

__all__ = ["DataApiSettings", "InferenceSettings", "PageSettings", "PipelineSettings", "TrackingSettings"]
