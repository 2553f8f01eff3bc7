"""Each adapter, made from the environment. A task's process makes what it needs and ends with it."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from readmission.domain.schedule import Schedule
from readmission.settings import Settings

if TYPE_CHECKING:
    from readmission.adapters.compute import Ec2Instance
    from readmission.adapters.data_api import DataApi
    from readmission.adapters.database import CleanDatabase, InferenceDatabase, RawDatabase
    from readmission.adapters.experiment import Experiment
    from readmission.adapters.inference_api import InferenceApi
    from readmission.adapters.object_store import ObjectStore
    from readmission.adapters.registry import ModelRegistry


def data_api(timeout: float = 30) -> "DataApi":
    from readmission.adapters.data_api import DataApi

    return DataApi(Settings().data_api_url, timeout=timeout)


def instance() -> "Ec2Instance | None":
    """None where no instance is set: then the data API is always on, or somebody else's to start."""
    from readmission.adapters.compute import Ec2Instance

    return Ec2Instance.from_settings(Settings())


def schedule() -> Schedule:
    settings = Settings()
    return Schedule(settings.schedule_start, settings.schedule_stop, ZoneInfo(settings.schedule_timezone))


def object_store() -> "ObjectStore":
    from readmission.adapters.object_store import ObjectStore

    return ObjectStore.from_settings(Settings())


def raw_database() -> "RawDatabase":
    from readmission.adapters.database import RawDatabase

    return RawDatabase(Settings().require("raw_database_url"))


def clean_database() -> "CleanDatabase":
    from readmission.adapters.database import CleanDatabase

    return CleanDatabase(Settings().require("clean_database_url"))


def inference_database() -> "InferenceDatabase":
    from readmission.adapters.database import InferenceDatabase

    return InferenceDatabase(Settings().require("inference_database_url"))


def experiment() -> "Experiment":
    from readmission.adapters.experiment import Experiment

    settings = Settings()
    return Experiment(settings.mlflow_tracking_uri, settings.experiment_name, git_commit=settings.git_commit)


def registry() -> "ModelRegistry":
    from readmission.adapters.registry import ModelRegistry

    settings = Settings()
    return ModelRegistry(settings.mlflow_tracking_uri, settings.model_name)


def inference_api() -> "InferenceApi | None":
    """None where no inference API is set: then there is nobody to signal."""
    from readmission.adapters.inference_api import InferenceApi

    settings = Settings()
    if settings.inference_api_url is None:
        return None
    return InferenceApi(settings.inference_api_url, admin_api_key=settings.admin_api_key)
