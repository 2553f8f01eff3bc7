"""Airflow's four services on one SQLite metadata database, with tasks as processes of the scheduler."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from readmission.errors import InvalidInput
from readmission.local.environment import base_environment
from readmission.local.graph import Step
from readmission.local.mlflow import client_environment
from readmission.local.native import NativeRun, Start
from readmission.local.programs import environment_program
from readmission.local.secret_files import SecretFiles
from readmission.local.service import Health, write_private
from readmission.local.settings import PROJECT
from readmission.services import BY_NAME
from readmission.settings.parts import AirflowApiSettings

SPEC = BY_NAME["airflow-api-server"]
_SCHEDULER_START = PROJECT / "src" / "readmission" / "pipeline" / "scheduler_start"


def api_server(run: NativeRun) -> Start:
    """The REST API and web page. It is healthy when its execution API, which the tasks call, answers."""
    airflow = _airflow(run)
    return Start(
        command=(environment_program("airflow"), "api-server"),
        environment=airflow.environment(),
        # the first call to the execution API takes seconds: the health check makes it, so that no task waits for it
        health=Health(f"{airflow.url}/execution/health"),
        before=(airflow.metadata(),),
        stop_seconds=3,  # it closes its connections at once, and its process ends late
    )


def scheduler(run: NativeRun) -> Start:
    """The scheduler with the local executor: its child processes run the tasks and inherit its environment."""
    airflow = _airflow(run)
    return Start(
        # the log server would listen on every address; it is not needed, since all log files are on this disk
        command=(environment_program("airflow"), "scheduler", "--skip-serve-logs"),
        environment={
            **airflow.environment(),
            "AIRFLOW_API_URL": airflow.url,
            "PYTHONPATH": str(_SCHEDULER_START),
            **client_environment(run, "pipeline"),
        },
        health=airflow.heartbeat_of("scheduler"),
        before=(airflow.metadata(),),
        # a worker that is killed while it holds the queue's lock blocks every later task
        vital_children=True,
    )


def dag_processor(run: NativeRun) -> Start:
    """The process that parses the DAG files."""
    airflow = _airflow(run)
    return Start(
        command=(environment_program("airflow"), "dag-processor"),
        environment=airflow.environment(),
        health=airflow.heartbeat_of("dag_processor"),
        before=(airflow.metadata(),),
    )


def triggerer(run: NativeRun) -> Start:
    """The process that waits for deferred tasks. No task is deferred; without it, Airflow's home page shows a fault."""
    airflow = _airflow(run)
    return Start(
        command=(environment_program("airflow"), "triggerer", "--skip-serve-logs"),
        environment=airflow.environment(),
        health=airflow.heartbeat_of("triggerer"),
        before=(airflow.metadata(),),
    )


def _airflow(run: NativeRun) -> "Airflow":
    settings = run.settings(AirflowApiSettings)
    if settings.airflow_api_user == SPEC.user:
        raise InvalidInput(f"AIRFLOW_API_USER must not be {SPEC.user}: that is the account of a person")
    account = Account(settings.airflow_api_user, settings.require("airflow_api_password"))
    return Airflow(run.home / "airflow", run.secrets, run.ports(SPEC.name)["HTTP"], account)


@dataclass(frozen=True)
class Account:
    """The account that writes the notes of runs."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Airflow:
    """The home folder, environment and metadata database that the four services share; ``port`` is the API's."""

    home: Path
    secrets: SecretFiles
    port: int
    pipeline: Account

    @property
    def url(self) -> str:
        """The address of the API server, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def metadata(self) -> Step:
        """The step that prepares the metadata database. All services share it by its name, so it runs once."""
        return Step("airflow-metadata", lambda: self.initialise(base_environment()))

    def heartbeat_of(self, component: str) -> Health:
        """The health check of ``component`` (Airflow's spelling): its heartbeat in the API server's health report."""
        return Health(f"{self.url}{SPEC.health}", heartbeat=component)

    def initialise(self, environment: Mapping[str, str]) -> None:
        """Create or migrate the metadata database and write the password file; calling it again changes nothing.

        Raises ``subprocess.CalledProcessError`` when the migration fails.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        passwords = {SPEC.user: self.secrets.get(str(SPEC.password)), self.pipeline.user: self.pipeline.password}
        write_private(self._passwords, json.dumps(passwords))
        migrated, current = self.home / "migrated", version("apache-airflow")
        # `airflow db migrate` takes seconds even when there is nothing to migrate
        if self._database.exists() and migrated.exists() and migrated.read_text() == current:
            return
        subprocess.run(
            [environment_program("airflow"), "db", "migrate"],
            env={**environment, **self.environment()},
            cwd=PROJECT,
            check=True,
            capture_output=True,
            text=True,
        )
        migrated.write_text(current)

    @property
    def _database(self) -> Path:
        return self.home / "airflow.db"

    @property
    def _passwords(self) -> Path:
        return self.secrets.directory / "airflow_passwords.json"

    def environment(self) -> dict[str, str]:
        """Airflow's settings as environment variables, secrets included; the same for all services."""
        options = {
            "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__FERNET_KEY": self.secrets.fernet_key("airflow_fernet_key"),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks the name service
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{SPEC.user}:admin,{self.pipeline.user}:user",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__SECRET_KEY": self.secrets.get("airflow_secret_key"),
            "API_AUTH__JWT_SECRET": self.secrets.get("airflow_jwt_secret"),
            "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # seconds after which a task that died with its scheduler is tried again
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
            "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # five times a second it would say which tasks wait for a free slot
            "LOGGING__NAMESPACE_LEVELS": "airflow.jobs.scheduler_job_runner=WARNING",
            "LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        return {"AIRFLOW_HOME": str(self.home), **{f"AIRFLOW__{name}": value for name, value in options.items()}}
