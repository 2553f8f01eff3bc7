"""Airflow's three services on one SQLite metadata database, with tasks as processes of the scheduler."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from readmission.local.environment import base_environment
from readmission.local.graph import Step
from readmission.local.native import NativeRun, Start
from readmission.local.programs import environment_program
from readmission.local.secret_files import SecretFiles
from readmission.local.service import Health, write_private
from readmission.local.settings import PROJECT
from readmission.services import BY_NAME

SPEC = BY_NAME["airflow-api-server"]


def api_server(run: NativeRun) -> Start:
    airflow = _airflow(run)
    return Start(
        command=(environment_program("airflow"), "api-server"),
        environment=airflow.environment(),
        # its first call takes seconds, which the first task would pay
        health=Health(f"{airflow.url}/execution/health"),
        before=(airflow.metadata(),),
        stop_seconds=3,  # it closes at once and then lingers
    )


def scheduler(run: NativeRun) -> Start:
    airflow = _airflow(run)
    return Start(
        # the local executor's log server would listen on every address, and the logs lie on this disk anyway
        command=(environment_program("airflow"), "scheduler", "--skip-serve-logs"),
        environment=airflow.environment(),
        health=airflow.heartbeat_of("scheduler"),
        before=(airflow.metadata(),),
        # a killed worker of the local executor may take the lock of the queue with it: no task would run again
        vital_children=True,
    )


def dag_processor(run: NativeRun) -> Start:
    airflow = _airflow(run)
    return Start(
        command=(environment_program("airflow"), "dag-processor"),
        environment=airflow.environment(),
        health=airflow.heartbeat_of("dag_processor"),
        before=(airflow.metadata(),),
    )


def _airflow(run: NativeRun) -> "Airflow":
    return Airflow(run.home / "airflow", run.secrets, run.ports(SPEC.name)["HTTP"])


@dataclass(frozen=True)
class Airflow:
    """What the three have in common."""

    home: Path
    secrets: SecretFiles
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def metadata(self) -> Step:
        """The work that must be done before any of the three starts; it is one step, whoever names it."""
        return Step("airflow-metadata", lambda: self.initialise(base_environment()))

    def heartbeat_of(self, component: str) -> Health:
        return Health(f"{self.url}{SPEC.health}", heartbeat=component)

    def initialise(self, environment: Mapping[str, str]) -> None:
        """Create or migrate the metadata and write the password file; safe to repeat."""
        self.home.mkdir(parents=True, exist_ok=True)
        write_private(self._passwords, json.dumps({SPEC.user: self.secrets.get(str(SPEC.password))}))
        migrated, current = self.home / "migrated", version("apache-airflow")
        # seconds of imports to learn that nothing is to be done
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
        """Airflow's own settings, the same for all three."""
        options = {
            "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__FERNET_KEY": self.secrets.fernet_key("airflow_fernet_key"),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks the name service
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{SPEC.user}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__SECRET_KEY": self.secrets.get("airflow_secret_key"),
            "API_AUTH__JWT_SECRET": self.secrets.get("airflow_jwt_secret"),
            "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # a task that died with its scheduler is tried again after this long
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
            "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        return {"AIRFLOW_HOME": str(self.home), **{f"AIRFLOW__{name}": value for name, value in options.items()}}
