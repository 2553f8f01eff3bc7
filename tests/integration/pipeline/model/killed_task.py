"""Run model tasks; each is killed with SIGKILL before its first outside call, its second, and so on.

A program of its own: it forks a child for each attempt, and holds no connection that children could share.
Reads a JSON object from stdin, whose ``tasks`` are of train, register, promote and rollback. Writes the results and
the number of kills of each task to stdout.
"""

import json
import os
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from readmission import adapters
from readmission.adapters.database import InferenceDatabase
from readmission.adapters.experiment import Experiment
from readmission.adapters.object_store import ObjectStore
from readmission.adapters.registry import ModelRegistry
from readmission.adapters.signatures import Signer
from readmission.domain.gate.evidence import Limits
from readmission.pipeline.promote_to_production import promote_to_production
from readmission.pipeline.register_best_model import register_best_model
from readmission.pipeline.roll_back import roll_back
from readmission.pipeline.train_ml_models import train_ml_models

RUN = "killed"


class Deadly:
    """A collaborator whose calls count; the one that is reached when ``countdown`` is 0 kills this process instead."""

    def __init__(self, target: Any, countdown: list[int]) -> None:
        self._target, self._countdown = target, countdown

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        return partial(self._call, attribute) if callable(attribute) else attribute

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        if self._countdown[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._countdown[0] -= 1
        return function(*args, **kwargs)


def attempt(task: str, given: dict[str, Any], survived_calls: int) -> Any:
    """One attempt in this process, with connections of its own."""
    countdown = [survived_calls]
    # the steps inside of an adapter are steps as well
    for module in (adapters.experiment, adapters.registry):
        module.MlflowClient = lambda **options: Deadly(MlflowClient(**options), countdown)
    experiment = Experiment(given["mlflow"], given["name"], git_commit="c0ffee")
    registry = ModelRegistry(given["mlflow"], given["name"])
    store = Deadly(ObjectStore(*given["object_store"]), countdown)
    inference = Deadly(InferenceDatabase(given["inference"]), countdown)
    dataset, done = given["dataset"], given["done"]
    measured: dict[str, Any] = {"seed": 0, "bootstrap_rounds": 20}
    candidate = "logistic_regression"
    if task == "train":
        return train_ml_models(candidate, "any", dataset, RUN, store=store, experiment=experiment, **measured)
    if task == "register":
        return register_best_model(
            "any",
            [done["train"]],
            store=store,
            experiment=experiment,
            registries={"any": registry},
            candidates=[candidate],
        )
    if task == "rollback":
        return roll_back("why", "ana", registry=registry, inference=inference).version
    limits = Limits(floor=0.0, margin=0.05)
    return promote_to_production(
        "any",
        [done["register"]],
        RUN,
        store=store,
        registries={"any": registry},
        inference=inference,
        signer=Signer(given["signing_key"]),
        limits={"any": limits},
        **measured,
    )


def attempt_in_child(task: str, given: dict[str, Any], survived_calls: int, answer: Path) -> bool:
    """True when the task came to its end, False when it was killed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            answer.write_text(json.dumps(attempt(task, given, survived_calls)))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{task} failed after {survived_calls} calls")
    return True


def main() -> None:
    given = json.load(sys.stdin) | {"done": {}}
    kills = {}
    with tempfile.TemporaryDirectory() as folder:
        for task in given["tasks"]:
            answer, kills[task] = Path(folder, task), 0
            while not attempt_in_child(task, given, kills[task], answer):
                kills[task] += 1
            given["done"][task] = json.loads(answer.read_text())
    json.dump({"kills": kills, "done": given["done"]}, sys.stdout)


if __name__ == "__main__":
    main()
