"""The experiment of training runs, in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sklearn.pipeline import Pipeline

from readmission.adapters.experiment import RunKey, TrainingRun
from readmission.errors import InvalidModel


@dataclass
class RecordedRun:
    """A run and what was logged; ``states`` tells what happened to it, in order."""

    key: RunKey
    states: list[str] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    plots: dict[str, bytes] = field(default_factory=dict)
    pipeline: Pipeline | None = None
    trusted_types: Sequence[str] = ()
    requirements: Sequence[str] = ()


class FakeExperiment:
    """A double of ``adapters.experiment.Experiment``; ``ExperimentContract`` holds both."""

    def __init__(self) -> None:
        self.runs: dict[str, RecordedRun] = {}

    def start(self, key: RunKey) -> TrainingRun:
        run_id = next((run_id for run_id, run in self.runs.items() if run.key == key), f"run-{len(self.runs) + 1}")
        self.runs.setdefault(run_id, RecordedRun(key, tags=key.tags()))
        return self.run(run_id)

    def run(self, run_id: str) -> TrainingRun:
        found = self.runs[run_id]
        return TrainingRun(run_id, found.states[-1:] == ["finished"], dict(found.metrics), dict(found.tags))

    @contextmanager
    def recording(self, run_id: str) -> Iterator[None]:
        states = self.runs[run_id].states
        states.append("running")
        try:
            yield
        except BaseException:
            states.append("failed")
            raise
        states.append("finished")

    def log(self, run_id: str, *, params: dict[str, object], tags: dict[str, str], metrics: dict[str, float]) -> None:
        found = self.runs[run_id]
        found.params |= {name: str(value) for name, value in params.items()}
        found.tags |= tags
        found.metrics |= metrics

    def log_artifacts(
        self,
        run_id: str,
        pipeline: Pipeline,
        plots: dict[str, bytes],
        *,
        trusted_types: Sequence[str],
        requirements: Sequence[str],
    ) -> None:
        found = self.runs[run_id]
        found.pipeline, found.plots = pipeline, plots
        found.trusted_types, found.requirements = trusted_types, requirements

    def load_pipeline(self, run_id: str, trusted_types: Sequence[str]) -> Pipeline:
        if not set(self.runs[run_id].trusted_types) <= set(trusted_types):
            raise InvalidModel(f"the model of {run_id} is made of types that are not ours")
        pipeline = self.runs[run_id].pipeline
        assert pipeline, f"no pipeline was logged to {run_id}"
        return pipeline
