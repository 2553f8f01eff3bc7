"""The eleven tasks as Airflow calls them: references in and out, adapters made from the environment.

Libraries are imported inside the functions: the DAG processor reads this module every few seconds.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from readmission.adapters.mlflow_requests import request_limits
from readmission.errors import MissingSetting, NothingToDo, SourceChanged
from readmission.log import configure_logging
from readmission.pipeline import wiring
from readmission.pipeline.references import BatchRef, CleanRef, DatasetRef, PromotionRef, RegisteredRef, TrainedRef
from readmission.settings import Settings

# a source that takes longer to say that it lives is not up yet
HEALTH_SECONDS = 5
# a task can wait longer for a busy MLflow than an inference server that polls it
MLFLOW_LIMITS = request_limits(timeout_seconds=60, retries=5)

P = ParamSpec("P")
R = TypeVar("R")


def airflow_task(function: Callable[P, R]) -> Callable[P, R]:
    """Set up the task's process: logging, and how long it waits for MLflow where the operator does not say.

    "Nothing to do" is a skip, and what no retry can mend fails at once.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        configure_logging(json=Settings().log_json)
        for name, value in MLFLOW_LIMITS.items():
            os.environ.setdefault(name, value)
        try:
            return function(*args, **kwargs)
        except NothingToDo as reason:
            raise AirflowSkipException(str(reason)) from reason
        except (MissingSetting, SourceChanged) as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error

    return call


def pipeline_run_id() -> str:
    """Airflow's id of this DAG run; the same when the run is cleared and goes again."""
    return str(get_current_context()["run_id"])


@airflow_task
def check_ec2_status() -> bool:
    from readmission.pipeline.check_ec2_status import check_ec2_status as run

    return run(
        data_api=wiring.data_api(timeout=HEALTH_SECONDS),
        instance=wiring.instance(),
        schedule=wiring.schedule(),
        now=datetime.now(UTC),
    )


@airflow_task
def fetch_data_from_api() -> list[BatchRef]:
    from readmission.pipeline.fetch_data_from_api import fetch_data_from_api as run

    return run(pipeline_run_id(), data_api=wiring.data_api(), raw=wiring.raw_database(), store=wiring.object_store())


@airflow_task
def store_raw_data_mysql(batches: list[BatchRef]) -> list[int]:
    from readmission.pipeline.store_raw_data_mysql import store_raw_data_mysql as run

    return run(batches, store=wiring.object_store(), raw=wiring.raw_database())


@airflow_task
def clean_and_transform_data(batch_numbers: list[int]) -> list[CleanRef]:
    from readmission.pipeline.clean_and_transform_data import clean_and_transform_data as run

    return run(batch_numbers, raw=wiring.raw_database(), store=wiring.object_store())


@airflow_task
def store_clean_data_mysql(cleaned: list[CleanRef]) -> list[int]:
    from readmission.pipeline.store_clean_data_mysql import store_clean_data_mysql as run

    return run(cleaned, store=wiring.object_store(), clean=wiring.clean_database())


@airflow_task
def create_train_val_test_split(batch_numbers: list[int]) -> list[int]:
    from readmission.pipeline.create_train_val_test_split import create_train_val_test_split as run

    return run(batch_numbers, clean=wiring.clean_database())


@airflow_task
def upload_processed_data_minio(batch_numbers: list[int]) -> DatasetRef:
    from readmission.pipeline.upload_processed_data_minio import upload_processed_data_minio as run

    return run(
        list(batch_numbers), raw=wiring.raw_database(), clean=wiring.clean_database(), store=wiring.object_store()
    )


@airflow_task
def train_ml_models(candidate: str, dataset: DatasetRef) -> TrainedRef:
    from readmission.pipeline.train_ml_models import train_ml_models as run

    settings = Settings()
    return run(
        candidate,
        dataset,
        pipeline_run_id(),
        store=wiring.object_store(),
        experiment=wiring.experiment(),
        target=settings.target,
        seed=settings.model_seed,
        bootstrap_rounds=settings.bootstrap_rounds,
    )


@airflow_task
def register_best_model(trained: list[TrainedRef], dataset: DatasetRef) -> RegisteredRef:
    from readmission.pipeline.register_best_model import register_best_model as run

    return run(
        list(trained),
        dataset,
        store=wiring.object_store(),
        experiment=wiring.experiment(),
        registry=wiring.registry(),
        target=Settings().target,
    )


@airflow_task
def promote_to_production(registered: RegisteredRef, dataset: DatasetRef) -> PromotionRef:
    from readmission.pipeline.promote_to_production import promote_to_production as run

    settings = Settings()
    return run(
        registered,
        dataset,
        pipeline_run_id(),
        store=wiring.object_store(),
        registry=wiring.registry(),
        inference=wiring.inference_database(),
        target=settings.target,
        seed=settings.model_seed,
        bootstrap_rounds=settings.bootstrap_rounds,
    )


@airflow_task
def signal_services_ready(promotion: PromotionRef, batches: list[BatchRef]) -> None:
    from readmission.pipeline.signal_services_ready import signal_services_ready as run

    run(
        promotion,
        batches,
        pipeline_run_id(),
        raw=wiring.raw_database(),
        registry=wiring.registry(),
        inference_api=wiring.inference_api(),
    )
