"""Plan which services of the catalogue the native run starts, from the settings and the installed programs.

A service whose address the user sets is used and not started.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from readmission.adapters.database import migrate_all
from readmission.adapters.signatures import Signer
from readmission.errors import MissingSetting
from readmission.local.data_folders import move_step
from readmission.local.databases import (
    MYSQL,
    mariadb_urls,
    missing_databases,
    sqlite_folder,
    sqlite_note,
    sqlite_urls,
    takes_mariadb,
)
from readmission.local.environment import SERVICE_SETTINGS, base_environment, given, names_of, settings_from
from readmission.local.graph import Step
from readmission.local.mlflow import CLIENT_ACCOUNT, client_environment
from readmission.local.native import NativeRun, Start, service_of, starter_of
from readmission.local.programs import Found, environment_program
from readmission.local.secret_files import SecretFiles
from readmission.local.service import Service
from readmission.local.settings import LocalSettings
from readmission.services import BY_NAME, SERVICES, ServiceSpec
from readmission.settings import InferenceSettings, PipelineSettings
from readmission.settings.parts import DatabaseSettings

DATABASES_STEP = "databases"
SIGNATURES_STEP = "signatures"
SIGNING_KEY = "gate_signing_key"


@dataclass
class Plan:
    """The services to start and the steps around them.

    ``environment``: the variables of all services, secrets included. ``notes``: sentences for the user.
    """

    environment: dict[str, str]
    services: list[Service] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def service(self, name: str) -> Service:
        """The service of this name; raises ``KeyError`` when this plan does not start it."""
        return {service.name: service for service in self.services}[name]


def make_plan(chosen: Mapping[str, str], local: LocalSettings, found: Found) -> Plan:
    """Plan the native run. It makes missing secrets; it writes nothing else and starts nothing.

    ``chosen``: the variables that the user set. Raises ``DataLeftBehind``, and ``MissingSetting`` when the user sets
    the address of an S3 store without its keys.
    """
    started = [spec for spec in SERVICES if spec.address_setting not in chosen and found.has(spec)]
    databases = missing_databases(chosen, started)
    with_mariadb = bool(databases) and takes_mariadb(local.home, found)
    if not with_mariadb:
        started = [spec for spec in started if spec is not MYSQL]
    secrets = SecretFiles(local.home / "secrets")
    urls = mariadb_urls(databases, local, secrets) if with_mariadb else sqlite_urls(databases, local.home)
    environment = {**urls, **_environment(chosen, started, secrets, local)}
    run = NativeRun(local, found, secrets, tuple(started), environment, databases)
    plan = Plan(environment)
    if databases and not with_mariadb:
        plan.notes.append(sqlite_note(local.home))
    _add_services(plan, run)
    return plan


def _environment(
    chosen: Mapping[str, str], started: list[ServiceSpec], secrets: SecretFiles, local: LocalSettings
) -> dict[str, str]:
    """The variables that the user set, the addresses of the started services, and the secrets that these need."""
    _check_store(chosen)
    addresses = {spec.address_setting: str(local.url_of(spec)) for spec in started if spec.address_setting}
    settings = names_of(*SERVICE_SETTINGS)
    wanted = {secret for spec in started for secret in spec.secrets if secret.upper() in settings.difference(chosen)}
    has_client_keys = "API_KEYS" in chosen and "INFERENCE_API_URL" in addresses
    if not has_client_keys:
        # the inference API needs no key, or it is the user's own and does not know a key that is made here
        wanted.discard("page_api_key")
    made = {secret.upper(): _secret(secret, secrets) for secret in sorted(wanted)}
    environment = {**chosen, **addresses, **made, "HOST": "127.0.0.1"}
    if "MLFLOW_TRACKING_URI" in addresses:
        # MLflow's starter knows each process's account; the user's own is for the user's own client
        environment = {name: value for name, value in environment.items() if name not in CLIENT_ACCOUNT}
    if has_client_keys:
        environment["API_KEYS"] = _with_key(chosen["API_KEYS"], environment["PAGE_API_KEY"])
    if SIGNING_KEY.upper() in environment:
        public_key = Signer(environment[SIGNING_KEY.upper()]).public_key
        # keys that the user set are those of other pipelines, or older ones
        environment["GATE_PUBLIC_KEY"] = _with_key(chosen.get("GATE_PUBLIC_KEY", public_key), public_key)
    return environment


def _secret(name: str, secrets: SecretFiles) -> str:
    return secrets.signing_key(name) if name == SIGNING_KEY else secrets.get(name)


def _check_store(chosen: Mapping[str, str]) -> None:
    """Raises ``MissingSetting`` when the user sets the address of an S3 store without its keys."""
    for name in ("S3_ACCESS_KEY", "S3_SECRET_KEY"):
        if "S3_ENDPOINT" in chosen and name not in chosen:
            raise MissingSetting(name)


def _with_key(keys: str, key: str) -> str:
    listed = [each.strip() for each in keys.split(",")]
    return keys if key in listed else f"{keys},{key}"


def _add_services(plan: Plan, run: NativeRun) -> None:
    starts = {spec.name: starter_of(spec)(run) for spec in run.started}
    ready = {name: (name, *(step.name for step in start.after)) for name, start in starts.items()}
    steps: list[Step] = []
    if run.databases and MYSQL.name not in starts:
        steps.append(sqlite_folder(run.home))
        ready[MYSQL.name] = tuple(step.name for step in steps)
    steps.append(Step(DATABASES_STEP, partial(_migrate, run), ready.get(MYSQL.name, ())))
    signatures = partial(_sign_promoted, run, plan)
    steps.append(Step(SIGNATURES_STEP, signatures, (DATABASES_STEP, *ready.get("mlflow", ()))))
    for spec in run.started:
        start = starts[spec.name]
        before = _before(spec, start, run)
        steps += [*before, *start.after]
        depends_on = [step.name for step in before]
        depends_on += [name for needed in spec.depends_on for name in ready.get(needed, ())]
        if _reads_our_tables(spec):
            depends_on.append(DATABASES_STEP)
        if spec.settings is InferenceSettings:
            # an upgrade signs what is in production before a server starts that refuses unsigned models
            depends_on.append(SIGNATURES_STEP)
        plan.services.append(service_of(spec, start, run, tuple(depends_on)))
    # a step that several services name runs once
    plan.steps = list({step.name: step for step in steps}.values())


def _before(spec: ServiceSpec, start: Start, run: NativeRun) -> list[Step]:
    """The steps before a service's start. Data in the folders of an earlier release are moved first."""
    moved = move_step(spec, run.home)
    if moved is None:
        return list(start.before)
    return [moved, *(replace(step, depends_on=(*step.depends_on, moved.name)) for step in start.before)]


def _migrate(run: NativeRun) -> None:
    migrate_all(settings_from(PipelineSettings, run.environment))


def _sign_promoted(run: NativeRun, plan: Plan) -> None:
    """Run ``readmission migrate`` as an operator does, which signs the versions that an earlier release promoted.

    If the user's own MLflow does not answer, the start goes on: the inference API has its last good model on disk.
    """
    done = subprocess.run(
        [environment_program("readmission"), "migrate"],
        env={**base_environment(), **given(PipelineSettings, run.environment), **client_environment(run, "pipeline")},
        check=BY_NAME["mlflow"] in run.started,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        plan.notes.append(f"Promoted versions were not signed, run `readmission migrate`: {done.stdout.strip()}")


def _reads_our_tables(spec: ServiceSpec) -> bool:
    return bool(spec.settings and names_of(spec.settings) & names_of(DatabaseSettings))
