"""An upgrade from a release that predicted one target at a time: what it promoted is kept, signed and compared.

That release had one registered model for whatever ``TARGET`` said. Its versions have the tags and its ledger the rows
that are written here.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from mlflow import MlflowClient
from sqlalchemy import create_engine

from doubles.gate_keys import PUBLIC_KEY, SIGNER, SIGNING_KEY
from readmission.adapters.database import InferenceDatabase, PromotionRecord
from readmission.adapters.database.migrate import configuration
from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelRegistry, ModelVersion
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.gate.evidence import Evidence, Limits
from readmission.domain.horizon import HorizonName
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.promotion import Action, decide
from readmission.domain.statement import PROMOTED
from readmission.errors import Conflict
from readmission.local.environment import SERVICE_SETTINGS, names_of
from readmission.local.settings import LocalSettings
from readmission.modeling.export import export
from readmission.modeling.fit import fit
from readmission.pipeline.gate_evidence import HeldOut, gather
from readmission.pipeline.roll_back import roll_back

LAST_REVISION = "inference_0002"
LIMITS = Limits(floor=0.2, margin=0.1)


@dataclass(frozen=True)
class Installation:
    """The stores of an earlier release, and its registered model."""

    registry: ModelRegistry
    client: MlflowClient
    urls: dict[str, str]
    cohort: Any

    def promoted(self, target: HorizonName, seed: int, *, signed: bool = True) -> ModelVersion:
        """A version that the earlier release trained for ``TARGET=target`` and put into production."""
        version = self.register(target, seed)
        if signed:
            self.registry.tag(version, SIGNER.sign(version, PROMOTED))
        evidence = {"test_roc_auc": 0.66} | (
            {"onnx_digest": version.onnx_digest, "dataset_digest": "d" * 64} if signed else {}
        )
        previous = self.registry.production()
        row = PromotionRecord(
            "promote",
            version.name,
            version.version,
            previous.version if previous else None,
            "pipeline",
            datetime(2026, 1, seed, tzinfo=UTC),
            "better",
            evidence,
            f"scheduled-{seed}",
        )
        with self.inference() as inference:
            inference.record_promotion(row)
        self.registry.promote(version)
        self.registry.tag(version, {"promotion": "promoted", "promotion_reason": "better"})
        return self.registry.version(version.version)

    def register(self, target: HorizonName, seed: int) -> ModelVersion:
        metadata = ModelFileMetadata(
            target, 0.46, 0.45, 0.55, "synthetic", "logistic_regression", True, "d" * 64, datetime.now(UTC)
        )
        data = export(fit("logistic_regression", self.cohort(2000, seed), target, seed=0), metadata)
        tags = {
            "candidate": "logistic_regression",
            "target": target,
            "data_source": "synthetic",
            "dataset_digest": "d" * 64,
            "batch_numbers": f"[{seed}]",
            "pipeline_run_id": f"scheduled-{seed}",
            "git_commit": "c0ffee",
            "calibrated": "true",
            "parity": "1e-07",
        }
        return self.registry.register(self.client.create_run(self._experiment()).info.run_id, data, tags)

    def inference(self) -> InferenceDatabase:
        return InferenceDatabase(self.urls["INFERENCE_DATABASE_URL"])

    def ledger(self) -> list[PromotionRecord]:
        with self.inference() as inference:
            return inference.promotions()

    def examined(self, challenger: ModelVersion, horizon: HorizonName) -> Evidence:
        """What the gate of this release finds when a version of this horizon comes after the old ones."""
        rows = HeldOut.of(self.cohort(1500, 9), horizon, 20, 0)
        with self.inference() as inference:
            production = self.registry.production()
            trusted = TrustedKeys(PUBLIC_KEY)
            return gather(challenger, production, rows, LIMITS, self.registry, inference, trusted)

    def _experiment(self) -> str:
        name = f"runs of {self.registry.model_name}"
        found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self.client.create_experiment(name))


@pytest.fixture
def installation(mlflow_server: str, tmp_path: Path, request: Any, split_cohort: Callable[..., Any]) -> Installation:
    name = "m" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    urls = {f"{each.upper()}_DATABASE_URL": f"sqlite:///{tmp_path}/{each}.db" for each in ("raw", "clean", "inference")}
    found = Installation(ModelRegistry(mlflow_server, name), MlflowClient(mlflow_server), urls, split_cohort)
    # the tables as the earlier release left them
    with create_engine(urls["INFERENCE_DATABASE_URL"]).begin() as connection:
        command.upgrade(configuration("inference", connection), LAST_REVISION)
    return found


@pytest.fixture
def migrate(installation: Installation, mlflow_server: str, tmp_path: Path) -> Callable[[], str]:
    """Run ``readmission migrate`` as ``make up`` does; returns what it says."""
    ours = {
        **installation.urls,
        "MLFLOW_TRACKING_URI": mlflow_server,
        "MODEL_NAME": installation.registry.model_name,
        "GATE_SIGNING_KEY": SIGNING_KEY,
        "READMISSION_HOME": str(tmp_path / "home"),
    }
    account = {name: os.environ[name] for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")}
    unset = dict.fromkeys([*names_of(*SERVICE_SETTINGS, LocalSettings), "TARGET"], "")

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "readmission.cli", "migrate"],
            env={**os.environ, **unset, **account, **ours},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_versions_signatures_aliases_and_ledger_are_kept(installation, migrate):
    versions = [installation.promoted("any", seed) for seed in (1, 2)]
    rows = installation.ledger()

    said = migrate()

    assert "signed" not in said
    assert [installation.registry.version(each.version) for each in versions] == versions
    assert (installation.registry.production(), installation.registry.previous()) == (versions[1], versions[0])
    assert installation.ledger() == rows


def test_what_was_promoted_before_there_were_signatures_is_signed(installation, migrate):
    old = installation.promoted("any", 1, signed=False)

    said = migrate()

    assert f"{old.name} version 1 is signed as promoted" in said
    TrustedKeys(PUBLIC_KEY).check(installation.registry.production())


def test_serving_reads_a_model_file_of_an_earlier_release(installation, migrate):
    installation.promoted("any", 1)
    migrate()

    production = installation.registry.production()
    model = OnnxModel.from_bytes(installation.registry.download_onnx(production))

    TrustedKeys(PUBLIC_KEY).check(production)
    assert model.metadata.target == "any"


def test_the_gate_compares_with_what_an_earlier_release_promoted(installation, migrate):
    installation.promoted("any", 1)
    migrate()

    evidence = installation.examined(installation.register("any", 2), "any")

    assert evidence.incomparable == ""
    assert evidence.against_production.version == "1"


def test_a_version_of_another_horizon_in_production_is_replaced_and_does_not_come_back(installation, migrate):
    # an installation with TARGET=within_30_days, whose registered model is now that of the horizon any
    old = installation.promoted("within_30_days", 1)
    migrate()
    challenger = installation.register("any", 2)

    evidence = installation.examined(challenger, "any")

    assert evidence.production.unusable == "it predicts within_30_days"
    assert decide(evidence).action is Action.PROMOTE
    installation.registry.promote(challenger)
    assert installation.registry.previous() == old
    with installation.inference() as inference, pytest.raises(Conflict, match="version 1 predicts within_30_days"):
        roll_back("why", "ana", registry=installation.registry, inference=inference)
    assert installation.registry.production() == challenger
