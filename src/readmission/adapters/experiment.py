"""MLflow tracking: one run for each candidate and pipeline run, which is found by its tags."""

import importlib.metadata
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow.sklearn
import skops.io
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UntrustedTypesFoundException

from readmission.adapters.registry import MODEL_PATH, mlflow_client, mlflow_errors
from readmission.domain.horizon import HorizonName
from readmission.errors import InvalidModel

_SKOPS_FILE = "model.skops"
_FINISHED = "FINISHED"
_TAG_OF_FIELD = {"horizon": "target"}


@dataclass(frozen=True)
class RunKey:
    """The identity of a training run: the same key always gives the same MLflow run."""

    pipeline_run_id: str
    candidate: str
    dataset_digest: str
    horizon: HorizonName
    seed: int

    def tags(self) -> dict[str, str]:
        """The fields as MLflow tags, by field name; the tag of the horizon is ``target``, as in earlier releases."""
        return {_TAG_OF_FIELD.get(name, name): str(value) for name, value in vars(self).items()}

    @property
    def run_name(self) -> str:
        """What MLflow's page calls the run."""
        return f"{self.candidate} {self.horizon}"


@dataclass(frozen=True)
class TrainingRun:
    """A run as stored in MLflow; ``finished``: its metrics, model and plots are all logged."""

    run_id: str
    finished: bool
    metrics: dict[str, float]
    tags: dict[str, str]


class Experiment:
    """One MLflow experiment. Its methods raise the errors of :func:`mlflow_errors`."""

    def __init__(self, tracking_uri: str, name: str, *, git_commit: str | None = None) -> None:
        """``git_commit``: the commit of the running code; None asks git and falls back to ``unknown``."""
        self._client = mlflow_client(tracking_uri)
        self._name = name
        self._git_commit = git_commit

    def start(self, key: RunKey) -> TrainingRun:
        """The run with this key: a finished one, else an unfinished one of a killed process, else a new one."""
        with mlflow_errors():
            experiment_id = self._experiment_id()
            found = self._client.search_runs(
                [experiment_id],
                " and ".join(f"tags.{name} = '{value}'" for name, value in key.tags().items()),
                order_by=["attributes.start_time ASC"],
            )
            # finished runs come first, then the oldest
            for run in sorted(found, key=lambda run: run.info.status != _FINISHED):
                return _training_run(run)
            return _training_run(self._client.create_run(experiment_id, tags=key.tags(), run_name=key.run_name))

    def run(self, run_id: str) -> TrainingRun:
        """The run with this MLflow id."""
        with mlflow_errors():
            return _training_run(self._client.get_run(run_id))

    @contextmanager
    def recording(self, run_id: str) -> Iterator[None]:
        """Mark a run as running inside the block, then as finished, or as failed when the block raises."""
        with mlflow_errors():
            self._client.update_run(run_id, status="RUNNING")
        try:
            yield
        except BaseException:
            with mlflow_errors():
                self._client.set_terminated(run_id, "FAILED")
            raise
        with mlflow_errors():
            self._client.set_terminated(run_id, _FINISHED)

    def log(self, run_id: str, *, params: dict[str, object], tags: dict[str, str], metrics: dict[str, float]) -> None:
        """Add parameters, tags and metrics to a run, and the tag ``git_commit``."""
        now = time.time_ns() // 1_000_000
        all_tags = tags | {"git_commit": self._git_commit or current_commit()}
        with mlflow_errors():
            self._client.log_batch(
                run_id,
                metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
                params=[Param(name, str(value)) for name, value in params.items()],
                tags=[RunTag(name, value) for name, value in all_tags.items()],
            )

    def log_artifacts(
        self,
        run_id: str,
        pipeline: Pipeline,
        plots: dict[str, bytes],
        *,
        trusted_types: Sequence[str],
        requirements: Sequence[str],
    ) -> None:
        """Log the model in skops format under ``model/`` and the plots (PNG bytes by file name) under ``plots/``.

        ``trusted_types``: the full names of all types in the pipeline. ``requirements``: the distributions that loading
        the model needs; they are pinned to the installed versions.
        """
        with tempfile.TemporaryDirectory() as folder, mlflow_errors():
            mlflow.sklearn.save_model(
                pipeline,
                str(Path(folder, MODEL_PATH)),
                serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
                skops_trusted_types=list(trusted_types),
                pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in requirements],
                pyfunc_predict_fn="predict_proba",
            )
            Path(folder, "plots").mkdir()
            for name, image in plots.items():
                Path(folder, "plots", name).write_bytes(image)
            self._client.log_artifacts(run_id, folder)

    def load_pipeline(self, run_id: str, trusted_types: Sequence[str]) -> Pipeline:
        """The fitted pipeline of a run.

        ``trusted_types`` must come from our code, never from the file or its run. Raises :class:`InvalidModel` for a
        broken file or one with a type that is not in ``trusted_types``.
        """
        with tempfile.TemporaryDirectory() as folder:
            with mlflow_errors():
                path = self._client.download_artifacts(run_id, f"{MODEL_PATH}/{_SKOPS_FILE}", folder)
            try:
                pipeline = skops.io.load(path, trusted=list(trusted_types))
            except UntrustedTypesFoundException as error:
                raise InvalidModel(f"the model of run {run_id} is made of types that are not ours") from error
            # a broken file makes skops raise errors of any class
            except Exception as error:
                raise InvalidModel(f"the model of run {run_id} cannot be read: {type(error).__name__}") from error
        if not isinstance(pipeline, Pipeline):
            raise InvalidModel(f"the model of run {run_id} is no pipeline")
        return pipeline

    def _experiment_id(self) -> str:
        if found := self._client.get_experiment_by_name(self._name):
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(self._name))
        except MlflowException:
            # the task of another candidate created it meanwhile
            if found := self._client.get_experiment_by_name(self._name):
                return str(found.experiment_id)
            raise


def current_commit() -> str:
    """The git commit of this code; ``unknown`` without git or outside of a repository."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - wherever the machine has git
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def _training_run(run: Run) -> TrainingRun:
    return TrainingRun(
        run_id=str(run.info.run_id),
        finished=run.info.status == _FINISHED,
        metrics=dict(run.data.metrics),
        tags={str(name): str(value) for name, value in run.data.tags.items()},
    )
