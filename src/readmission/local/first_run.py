"""The first use of the running services: one pipeline run, then one prediction from the models in production."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from readmission.adapters.airflow_api import AirflowApi, DagRun, TaskState
from readmission.adapters.inference_api import InferenceApi
from readmission.domain.example import EXAMPLE
from readmission.domain.horizon import HorizonName
from readmission.errors import ReadmissionError, SourceUnavailable
from readmission.local.report import Report

DAG_ID = "mlops_diabetes_pipeline"
DAG_SECONDS = 90
SCHEDULER_SECONDS = 3
_RUN_SECONDS = 1800
MODEL_SECONDS = 60
# the worker that answers may load a model a moment later than the one that the pipeline asked to
WORKER_SECONDS = 6
_SHOWN_STATES = ("success", "failed", "skipped", "up_for_retry")


class PipelineFailed(ReadmissionError):
    """The pipeline run failed or timed out, or there is no prediction. The text has the last log lines.

    ``note`` is the note of the run that failed.
    """

    def __init__(self, text: str, *, note: str = "") -> None:
        super().__init__(text)
        self.note = note


@dataclass(frozen=True)
class Served:
    """What the inference API serves, and its answer to the example encounter.

    ``models``: the ``/model-info`` document of each horizon that it has, the primary first; None: no model.
    """

    models: Mapping[HorizonName, dict[str, Any] | None]
    prediction: dict[str, Any]


def run_pipeline(airflow: AirflowApi, report: Report) -> str:
    """Unpause the DAG and wait until one run ends: the active run if there is one, otherwise a new one.

    Returns the run's note, which says for each horizon what the gate decided, or why the run did nothing.
    Raises :class:`PipelineFailed` when Airflow does not know the DAG, or the run fails or takes over 1,800 s.
    """
    _wait_until(lambda: airflow.has_dag(DAG_ID), DAG_SECONDS, lambda: _why_no_dag(airflow))
    airflow.unpause(DAG_ID)
    run = _scheduled_run(airflow) or airflow.trigger(DAG_ID)
    report.say(f"  pipeline run {run.run_id}")
    with report.doing("pipeline", "ended"):
        finished = _follow(airflow, run, report)
    note = airflow.note_of_run(DAG_ID, finished.run_id)
    if finished.state != "success":
        raise PipelineFailed(_why_failed(airflow, finished, note), note=note)
    return note


def first_prediction(api: InferenceApi) -> Served:
    """Wait up to 60 s until the primary horizon's model is loaded, then predict the example encounter.

    For the model of another horizon it waits up to 6 s. Raises :class:`PipelineFailed` when the primary horizon's
    is not loaded or the prediction fails.
    """
    _wait_until(lambda: _is_ready(api), MODEL_SECONDS, lambda: "no model is loaded by the inference API")
    deadline = time.monotonic() + WORKER_SECONDS
    try:
        while None in (served := _served(api)).models.values() and time.monotonic() < deadline:
            time.sleep(0.3)
    except ReadmissionError as error:
        raise PipelineFailed(f"the inference API did not answer the example: {error}") from error
    return served


def served_all_the_same(api: InferenceApi) -> Served | None:
    """What is served after a run that failed: the other horizon, or an earlier version. None: nothing is."""
    try:
        return _served(api)
    except ReadmissionError:
        return None


def _served(api: InferenceApi) -> Served:
    return Served(models=api.models(), prediction=api.predict(EXAMPLE))


def _scheduled_run(airflow: AirflowApi) -> DagRun | None:
    """The active run, or None after 3 s: the scheduler needs a moment to start a run that is due."""
    deadline = time.monotonic() + SCHEDULER_SECONDS
    while time.monotonic() < deadline:
        if run := airflow.active_run(DAG_ID):
            return run
        time.sleep(0.3)
    return None


def _follow(airflow: AirflowApi, run: DagRun, report: Report) -> DagRun:
    shown: set[tuple[str, int, str, int]] = set()
    deadline = time.monotonic() + _RUN_SECONDS
    state = run.state
    while time.monotonic() < deadline:
        try:
            current, tasks = airflow.run(DAG_ID, run.run_id), airflow.tasks(DAG_ID, run.run_id)
        except httpx.TransportError:
            # the supervisor restarts an API server that died, and the run continues
            time.sleep(0.5)
            continue
        for task in tasks:
            key = (task.task_id, task.map_index, task.state or "", task.try_number)
            if _says_something(task) and key not in shown:
                shown.add(key)
                report.say(f"    {_label(task):<40} {task.state:<12} {task.seconds or 0:6.1f} s")
        state = current.state
        if state in ("success", "failed"):
            return current
        time.sleep(0.5)
    raise PipelineFailed(f"run {run.run_id} is still {state} after {_RUN_SECONDS} s")


def _says_something(task: TaskState) -> bool:
    """Whether the task ran itself. A task that is skipped because of an earlier one has no duration."""
    return task.state in _SHOWN_STATES and bool(task.seconds)


def _why_failed(airflow: AirflowApi, run: DagRun, note: str) -> str:
    failed = [task for task in airflow.tasks(DAG_ID, run.run_id) if task.state == "failed"]
    lines = [f"pipeline run {run.run_id} failed", *note.splitlines()]
    for task in failed[:1]:
        lines += [f"{_label(task)} failed, its last log lines:", *airflow.log(DAG_ID, run.run_id, task)[-20:]]
    return "\n".join(lines)


def _why_no_dag(airflow: AirflowApi) -> str:
    return "\n".join([f"Airflow does not know the DAG {DAG_ID}", *airflow.import_errors()])


def _wait_until(is_true: Callable[[], bool], seconds: float, why: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise PipelineFailed(why())
        time.sleep(0.3)


def _is_ready(api: InferenceApi) -> bool:
    try:
        return api.ready()
    except SourceUnavailable:
        return False


def _label(task: TaskState) -> str:
    return task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_name or task.map_index}]"
