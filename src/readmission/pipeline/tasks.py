"""Make Airflow tasks from the pipeline's functions. They exchange references; all else comes from the environment.

The DAG processor imports this module every few seconds, so a task's own module is imported only when the task runs.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from readmission.adapters.mlflow_requests import limit_requests
from readmission.errors import MissingSetting, NothingToDo, SourceChanged, Unauthorized
from readmission.log import configure_logging
from readmission.pipeline.wiring import COLLABORATORS
from readmission.settings import PipelineSettings


def step(name: str, **options: Any) -> Any:
    """The Airflow task ``name``; the DAG calls it with references. ``options`` are those of Airflow's ``task``."""
    # a reference is a dict and stays one XCom, instead of one for each key
    return task(multiple_outputs=False, **options)(airflow_task(name))


def airflow_task(name: str) -> Callable[..., Any]:
    """A callable for Airflow that runs the function ``name`` of ``pipeline/<name>.py``; its task id is ``name``.

    The DAG passes references by position or by name. Each other parameter without a default is made by the entry of
    its name in ``wiring.COLLABORATORS``.
    """

    def call(*references: Any, **context: Any) -> Any:
        configure_logging(json=PipelineSettings().log_json)
        # a task may wait longer for a busy MLflow than an inference server, which polls it
        limit_requests(os.environ, timeout_seconds=60, retries=5)
        run = getattr(import_module(f"readmission.pipeline.{name}"), name)
        with airflow_errors():
            return run(*references, **_other_arguments(run, len(references), context))

    call.__name__ = name
    return call


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Translate errors to Airflow's: ``NothingToDo`` skips the task; an error that no retry solves fails it at once."""
    try:
        yield
    except NothingToDo as reason:
        raise AirflowSkipException(str(reason)) from reason
    except (MissingSetting, SourceChanged, Unauthorized) as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error


def _other_arguments(run: Callable[..., Any], references: int, context: Mapping[str, Any]) -> dict[str, Any]:
    arguments = {}
    for parameter in list(signature(run).parameters.values())[references:]:
        # Airflow passes its whole context beside the DAG's own arguments
        if parameter.name in context:
            arguments[parameter.name] = context[parameter.name]
        elif parameter.default is Parameter.empty:
            arguments[parameter.name] = COLLABORATORS[parameter.name]()
    return arguments
