"""The collaborators of the model tasks: a real MLflow and S3 store, an SQLite ledger, and synthetic encounters."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient

from doubles.gate_keys import SIGNER
from readmission.adapters.database import InferenceDatabase
from readmission.adapters.experiment import Experiment
from readmission.adapters.object_store import DATASETS, ObjectStore, parquet
from readmission.adapters.registry import ModelRegistry
from readmission.domain.cohort import SPLITS
from readmission.domain.gate.evidence import Limits
from readmission.domain.horizon import HORIZONS, HorizonName
from readmission.pipeline.promote_to_production import promote_to_production
from readmission.pipeline.references import DatasetRef, PromotionRef, RegisteredRef, TrainedRef
from readmission.pipeline.register_best_model import register_best_model
from readmission.pipeline.train_ml_models import train_ml_models

CANDIDATES = ("logistic_regression", "lightgbm")


@dataclass
class Platform:
    """The collaborators of the model tasks, and the tasks in the DAG's order."""

    store: ObjectStore
    experiment: Experiment
    registries: dict[HorizonName, ModelRegistry]
    inference: InferenceDatabase
    client: MlflowClient
    name: str
    horizon: HorizonName = "any"
    # 450 test rows give wide intervals, and a misled model must be able to be the first one
    limits: Limits = field(default_factory=lambda: Limits(floor=0.0, margin=0.05))

    @property
    def registry(self) -> ModelRegistry:
        return self.registries[self.horizon]

    def freeze(self, frame: pd.DataFrame, batch_numbers: list[int], source: str = "uci") -> DatasetRef:
        files = {split: parquet(frame[frame["split"] == split].assign(batch_number=1)) for split in SPLITS}
        digest = hashlib.sha256(b"".join(files.values()) + json.dumps([batch_numbers, source]).encode()).hexdigest()
        for split, data in files.items():
            self.store.put(DATASETS, f"{digest}/{split}.parquet", data)
        rows = {split: int((frame["split"] == split).sum()) for split in SPLITS}
        return DatasetRef(
            digest=digest, batch_numbers=batch_numbers, run_batch_numbers=batch_numbers, source=source, rows=rows
        )

    def train(self, candidate: str, dataset: DatasetRef, run: str = "run") -> TrainedRef:
        return train_ml_models(
            candidate,
            self.horizon,
            dataset,
            run,
            store=self.store,
            experiment=self.experiment,
            seed=0,
            bootstrap_rounds=20,
        )

    def register(self, trained: list[TrainedRef]) -> RegisteredRef:
        return register_best_model(
            self.horizon,
            trained,
            store=self.store,
            experiment=self.experiment,
            registries=self.registries,
            candidates=[reference["candidate"] for reference in trained],
        )

    def promote(self, registered: RegisteredRef, run: str = "run") -> PromotionRef:
        return promote_to_production(
            self.horizon,
            [registered],
            run,
            store=self.store,
            registries=self.registries,
            inference=self.inference,
            signer=SIGNER,
            seed=0,
            bootstrap_rounds=20,
            limits={self.horizon: self.limits},
        )

    def run(
        self, dataset: DatasetRef, run: str = "run", *, candidates: tuple[str, ...] = CANDIDATES[:1], times: int = 1
    ) -> PromotionRef:
        """The three tasks, each executed ``times`` times."""
        for _ in range(times):
            trained = [self.train(candidate, dataset, run) for candidate in candidates]
        for _ in range(times):
            registered = self.register(trained)
        for _ in range(times):
            promotion = self.promote(registered, run)
        return promotion

    def left_behind(self) -> dict[str, Any]:
        """Everything that the tasks wrote, without the moments at which they wrote it."""
        experiment = self.client.get_experiment_by_name(self.name)
        versions = self.client.search_model_versions(f"name='{self.registry.model_name}'")
        production, previous = self.registry.production(), self.registry.previous()
        return {
            "runs": sorted(
                (run.info.run_id, run.info.status) for run in self.client.search_runs([experiment.experiment_id])
            ),
            "versions": sorted((version.version, version.run_id, sorted(version.tags.items())) for version in versions),
            "production": production and production.version,
            "previous": previous and previous.version,
            "ledger": [(row.version, row.action, row.reason, row.evidence) for row in self.inference.promotions()],
        }


@pytest.fixture
def inference(tmp_path: Path) -> Iterator[InferenceDatabase]:
    # the ledger on each dialect is the business of the database's own tests
    database = InferenceDatabase(f"sqlite:///{tmp_path}/inference.sqlite")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def platform(
    object_store: ObjectStore, mlflow_server: str, inference: InferenceDatabase, request: pytest.FixtureRequest
) -> Platform:
    name = "m" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    return Platform(
        object_store,
        Experiment(mlflow_server, name, git_commit="c0ffee"),
        {horizon: ModelRegistry(mlflow_server, HORIZONS[horizon].model_name(name)) for horizon in HORIZONS},
        inference,
        MlflowClient(mlflow_server),
        name,
    )


@pytest.fixture(scope="module")
def cohort(split_cohort: Any) -> pd.DataFrame:
    frame: pd.DataFrame = split_cohort(3_000, 21)
    return frame


@pytest.fixture(scope="module")
def misled(cohort: pd.DataFrame) -> pd.DataFrame:
    """Training outcomes turned round: what is learned from them is worse than chance on the test rows."""
    return cohort.assign(readmitted=cohort["readmitted"].where(cohort["split"] == "test", 1 - cohort["readmitted"]))
