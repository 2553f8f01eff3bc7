"""Make the collaborators of the tasks from the environment. Each task runs in its own process and makes its own."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from readmission.domain.horizon import HorizonName
from readmission.domain.schedule import Schedule
from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.settings import PipelineSettings

if TYPE_CHECKING:
    from readmission.adapters.compute import Ec2Instance
    from readmission.adapters.data_api import DataApi
    from readmission.adapters.database import CleanDatabase, InferenceDatabase, RawDatabase
    from readmission.adapters.experiment import Experiment
    from readmission.adapters.inference_api import InferenceApi
    from readmission.adapters.object_store import ObjectStore
    from readmission.adapters.registry import ModelRegistry
    from readmission.adapters.signatures import Signer
    from readmission.domain.gate.evidence import Limits
    from readmission.pipeline.run_note import RunNote


# a data API that needs longer to answer /health counts as down
HEALTH_SECONDS = 5


def pipeline_run_id() -> str:
    """Airflow's id of this DAG run; it stays the same when the run is cleared."""
    from airflow.sdk import get_current_context

    return str(get_current_context()["run_id"])


def run_note() -> "RunNote":
    """The note of this DAG run."""
    from readmission.pipeline.run_note import RunNote

    return RunNote(PipelineSettings(), _current_run)


def _current_run() -> tuple[str, str]:
    from airflow.sdk import get_current_context

    run = get_current_context()["dag_run"]
    return run.dag_id, run.run_id


def data_api(timeout: float = 30) -> "DataApi":
    """A client of the data API; ``timeout`` is in seconds for one attempt."""
    from readmission.adapters.data_api import DataApi

    settings = PipelineSettings()
    return DataApi(
        settings.data_api_url,
        read_key=settings.data_api_read_key,
        certificate=settings.data_api_certificate,
        timeout=timeout,
    )


def instance() -> "Ec2Instance | None":
    """The EC2 instance of the data API; None when none is configured, so that the pipeline cannot start it."""
    from readmission.adapters.compute import Ec2Instance

    return Ec2Instance.from_settings(PipelineSettings())


def schedule() -> Schedule:
    """The hours in which the data API's instance runs, in the time zone of the settings."""
    settings = PipelineSettings()
    return Schedule(settings.schedule_start, settings.schedule_stop, ZoneInfo(settings.schedule_timezone))


def object_store() -> "ObjectStore":
    """The S3 store. Raises :class:`MissingSetting` when its keys are not set."""
    from readmission.adapters.object_store import ObjectStore

    return ObjectStore.from_settings(PipelineSettings())


def raw_database() -> "RawDatabase":
    """The raw database. Raises :class:`MissingSetting` when its URL is not set."""
    from readmission.adapters.database import RawDatabase

    return RawDatabase(PipelineSettings().require("raw_database_url"))


def clean_database() -> "CleanDatabase":
    """The clean database. Raises :class:`MissingSetting` when its URL is not set."""
    from readmission.adapters.database import CleanDatabase

    return CleanDatabase(PipelineSettings().require("clean_database_url"))


def inference_database() -> "InferenceDatabase":
    """The inference database. Raises :class:`MissingSetting` when its URL is not set."""
    from readmission.adapters.database import InferenceDatabase

    return InferenceDatabase(PipelineSettings().require("inference_database_url"))


def experiment() -> "Experiment":
    """The MLflow experiment of the training runs."""
    from readmission.adapters.experiment import Experiment

    settings = PipelineSettings()
    return Experiment(settings.mlflow_tracking_uri, settings.experiment_name, git_commit=settings.git_commit)


def registries() -> "dict[HorizonName, ModelRegistry]":
    """The versions of each horizon's registered model in MLflow, the primary horizon first."""
    from readmission.adapters.registry import ModelRegistry

    settings = PipelineSettings()
    names = settings.registered_models().items()
    return {horizon: ModelRegistry(settings.mlflow_tracking_uri, name) for horizon, name in names}


def signer() -> "Signer":
    """The private key of the gate. Raises :class:`MissingSetting` when it is not set."""
    from readmission.adapters.signatures import Signer

    return Signer(PipelineSettings().require("gate_signing_key"))


def inference_api() -> "InferenceApi | None":
    """A client of the inference API with the admin key; None when no URL is set."""
    from readmission.adapters.inference_api import InferenceApi

    settings = PipelineSettings()
    if settings.inference_api_url is None:
        return None
    return InferenceApi(settings.inference_api_url, admin_api_key=settings.admin_api_key)


def gate_limits(settings: PipelineSettings) -> "dict[HorizonName, Limits]":
    """The limits of the gate for each horizon."""
    from readmission.domain.gate.evidence import Limits

    floors: dict[HorizonName, float] = {
        "any": settings.gate_floor_any,
        "within_30_days": settings.gate_floor_within_30_days,
    }
    return {horizon: Limits(floor, settings.gate_non_inferiority_margin) for horizon, floor in floors.items()}


# the factory of each task parameter that is not a reference, by the parameter's name
COLLABORATORS: dict[str, Callable[[], Any]] = {
    "pipeline_run_id": pipeline_run_id,
    "run_note": run_note,
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
    "registries": registries,
    "candidates": lambda: CANDIDATE_NAMES,
    "signer": signer,
    "inference_api": inference_api,
    "seed": lambda: PipelineSettings().model_seed,
    "bootstrap_rounds": lambda: PipelineSettings().bootstrap_rounds,
    "limits": lambda: gate_limits(PipelineSettings()),
}
