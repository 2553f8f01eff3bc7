"""The settings from the environment: one frozen class for each process, composed of shared parts.

Each field is the environment variable of the same name in upper case; ``.env.example`` documents all of them. A process
gets only the variables of its own class, so it holds no secret that it does not use.
"""

from readmission.settings.data_api import DataApiSettings
from readmission.settings.inference import InferenceSettings
from readmission.settings.page import PageSettings
from readmission.settings.pipeline import PipelineSettings
from readmission.settings.tracking import TrackingSettings

__all__ = ["DataApiSettings", "InferenceSettings", "PageSettings", "PipelineSettings", "TrackingSettings"]
