"""A task of the pipeline as Airflow calls it: references in and out, everything else made from the environment.

The DAG processor reads this module every few seconds, so a task's own module is imported when the task runs.
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
from readmission.errors import MissingSetting, NothingToDo, SourceChanged
from readmission.log import configure_logging
from readmission.pipeline.wiring import COLLABORATORS
from readmission.settings import PipelineSettings


def step(name: str, **options: Any) -> Any:
    """The task ``name`` for the DAG, to be called with references; ``options`` are those of Airflow's ``task``."""
    # a reference is one XCom, not one for each of its keys
    return task(multiple_outputs=False, **options)(airflow_task(name))


def airflow_task(name: str) -> Callable[..., Any]:
    """The function ``name`` of ``pipeline/<name>.py`` as Airflow calls it; its task id is ``name``.

    The DAG gives it references, by position or by name. Each other parameter without a default is made by the entry of
    its name in ``wiring.COLLABORATORS``.
    """

    def call(*references: Any, **context: Any) -> Any:
        configure_logging(json=PipelineSettings().log_json)
        # a task can wait longer for a busy MLflow than an inference server that polls it
        limit_requests(os.environ, timeout_seconds=60, retries=5)
        run = getattr(import_module(f"readmission.pipeline.{name}"), name)
        with airflow_errors():
            return run(*references, **_other_arguments(run, len(references), context))

    call.__name__ = name
    return call


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Translate to Airflow's errors: nothing to do is a skip; what no retry can mend fails the task at once."""
    try:
        yield
    except NothingToDo as reason:
        raise AirflowSkipException(str(reason)) from reason
    except (MissingSetting, SourceChanged) as error:
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
