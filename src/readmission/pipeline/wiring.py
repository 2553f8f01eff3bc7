"""What a task works with, made from the environment. A task's process makes what it needs and ends with it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from readmission.domain.schedule import Schedule
from readmission.settings import PipelineSettings

if TYPE_CHECKING:
    from readmission.adapters.compute import Ec2Instance
    from readmission.adapters.data_api import DataApi
    from readmission.adapters.database import CleanDatabase, InferenceDatabase, RawDatabase
    from readmission.adapters.experiment import Experiment
    from readmission.adapters.inference_api import InferenceApi
    from readmission.adapters.object_store import ObjectStore
    from readmission.adapters.registry import ModelRegistry


# a source that takes longer to say that it lives is not up yet
HEALTH_SECONDS = 5


def pipeline_run_id() -> str:
    """Airflow's id of this DAG run; the same when the run is cleared and goes again."""
    from airflow.sdk import get_current_context

    return str(get_current_context()["run_id"])


def data_api(timeout: float = 30) -> "DataApi":
    from readmission.adapters.data_api import DataApi

    return DataApi(PipelineSettings().data_api_url, timeout=timeout)


def instance() -> "Ec2Instance | None":
    """None where no instance is set: then the data API is always on, or somebody else's to start."""
    from readmission.adapters.compute import Ec2Instance

    return Ec2Instance.from_settings(PipelineSettings())


def schedule() -> Schedule:
    settings = PipelineSettings()
    return Schedule(settings.schedule_start, settings.schedule_stop, ZoneInfo(settings.schedule_timezone))


def object_store() -> "ObjectStore":
    from readmission.adapters.object_store import ObjectStore

    return ObjectStore.from_settings(PipelineSettings())


def raw_database() -> "RawDatabase":
    from readmission.adapters.database import RawDatabase

    return RawDatabase(PipelineSettings().require("raw_database_url"))


def clean_database() -> "CleanDatabase":
    from readmission.adapters.database import CleanDatabase

    return CleanDatabase(PipelineSettings().require("clean_database_url"))


def inference_database() -> "InferenceDatabase":
    from readmission.adapters.database import InferenceDatabase

    return InferenceDatabase(PipelineSettings().require("inference_database_url"))


def experiment() -> "Experiment":
    from readmission.adapters.experiment import Experiment

    settings = PipelineSettings()
    return Experiment(settings.mlflow_tracking_uri, settings.experiment_name, git_commit=settings.git_commit)


def registry() -> "ModelRegistry":
    from readmission.adapters.registry import ModelRegistry

    settings = PipelineSettings()
    # a task can wait longer for a busy MLflow than an inference server that polls it
    return ModelRegistry(settings.mlflow_tracking_uri, settings.model_name, timeout_seconds=60, retries=5)


def inference_api() -> "InferenceApi | None":
    """None where no inference API is set: then there is nobody to signal."""
    from readmission.adapters.inference_api import InferenceApi

    settings = PipelineSettings()
    if settings.inference_api_url is None:
        return None
    return InferenceApi(settings.inference_api_url, admin_api_key=settings.admin_api_key)


# how a task gets a parameter that is no reference, by the parameter's name
COLLABORATORS: dict[str, Callable[[], Any]] = {
    "pipeline_run_id": pipeline_run_id,
    "now": lambda: datetime.now(UTC),
    "source": lambda: data_api(timeout=HEALTH_SECONDS),
    "data_api": data_api,
    "instance": instance,
    "schedule": schedule,
    "store": object_store,
    "raw": raw_database,
    "clean": clean_database,
    "inference": inference_database,
    "experiment": experiment,
    "registry": registry,
    "inference_api": inference_api,
    "target": lambda: PipelineSettings().target,
    "seed": lambda: PipelineSettings().model_seed,
    "bootstrap_rounds": lambda: PipelineSettings().bootstrap_rounds,
}
