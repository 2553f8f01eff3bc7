"""Make Airflow tasks from the pipeline's functions. They exchange references; all else comes from the environment.

The DAG processor imports this module every few seconds, so a task's own module is imported only when the task runs.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.utils.deprecation_tools import DeprecatedImportWarning

from readmission.adapters.mlflow_requests import limit_requests
from readmission.errors import NothingToDo, PermanentError
from readmission.pipeline.wiring import COLLABORATORS

if TYPE_CHECKING:
    from readmission.pipeline.run_note import RunNote


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
        leave_logging_to_airflow()
        # a task may wait longer for a busy MLflow than an inference server, which polls it
        limit_requests(os.environ, timeout_seconds=60, retries=5)
        run = getattr(import_module(f"readmission.pipeline.{name}"), name)
        with airflow_errors(" ".join([name, *_map_labels(context)]), COLLABORATORS["run_note"]):
            return run(*map(_at_once, references), **_other_arguments(run, len(references), context))

    call.__name__ = name
    return call


def leave_logging_to_airflow() -> None:
    """Send what libraries say into the task's log as Airflow has set it up: with its own level, not as an error.

    Airflow has configured structlog for our own events before it calls a task.
    """
    # MLflow's own handler writes to stderr, each line of which Airflow takes for an error
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
    # for an object without a module skops asks every loaded module, Airflow's deprecated ones too, and each warns
    warnings.filterwarnings("ignore", category=DeprecatedImportWarning, module=r"skops\.")


@contextmanager
def airflow_errors(subject: str, run_note: "Callable[[], RunNote]") -> Iterator[None]:
    """Translate errors to Airflow's: ``NothingToDo`` skips the task; a ``PermanentError`` fails it without a retry.

    The note of the run gets the reason of both. A skip skips the whole run, so its reason replaces the note.
    """
    try:
        yield
    except NothingToDo as skip:
        run_note().write({subject: str(skip)})
        raise AirflowSkipException(str(skip)) from skip
    except PermanentError as error:
        reason = f"{type(error).__name__}: {error}"
        run_note().add({subject: reason})
        raise AirflowFailException(reason) from error


def _map_labels(context: Mapping[str, Any]) -> list[str]:
    """What distinguishes this instance of a mapped task from the others, as in the DAG's ``map_index_template``."""
    return [str(context[name]) for name in ("candidate", "horizon") if name in context]


def _at_once(reference: Any) -> Any:
    # Airflow would ask for each reference of a mapped task by itself, and log the end of them as an error
    return reference[:] if isinstance(reference, Sequence) else reference


def _other_arguments(run: Callable[..., Any], references: int, context: Mapping[str, Any]) -> dict[str, Any]:
    arguments = {}
    for parameter in list(signature(run).parameters.values())[references:]:
        # Airflow passes its whole context beside the DAG's own arguments
        if parameter.name in context:
            arguments[parameter.name] = _at_once(context[parameter.name])
        elif parameter.default is Parameter.empty:
            arguments[parameter.name] = COLLABORATORS[parameter.name]()
    return arguments
