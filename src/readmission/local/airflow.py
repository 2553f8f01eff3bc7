"""Airflow's three services on one SQLite metadata database, with tasks as processes of the scheduler."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from readmission.local.programs import environment_program
from readmission.local.secret_files import SecretFiles
from readmission.local.service import Health, Service, write_private
from readmission.local.settings import PROJECT

ADMIN = "admin"
METADATA_STEP = "airflow-metadata"


@dataclass(frozen=True)
class Airflow:
    """``task_environment`` is what the pipeline's tasks get, secrets included; ``depends_on`` what they talk to."""

    home: Path
    secrets: SecretFiles
    port: int
    task_environment: Mapping[str, str]
    depends_on: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        return self.secrets.get("airflow_admin_password")

    def initialise(self, environment: Mapping[str, str]) -> None:
        """Create or migrate the metadata and write the password file; safe to repeat."""
        self.home.mkdir(parents=True, exist_ok=True)
        write_private(self._passwords, json.dumps({ADMIN: self.password}))
        migrated, current = self.home / "migrated", version("apache-airflow")
        # seconds of imports to learn that nothing is to be done
        if self._database.exists() and migrated.exists() and migrated.read_text() == current:
            return
        subprocess.run(
            [environment_program("airflow"), "db", "migrate"],
            env={**environment, **self._environment()},
            cwd=PROJECT,
            check=True,
            capture_output=True,
            text=True,
        )
        migrated.write_text(current)

    def services(self) -> list[Service]:
        return [
            Service(
                name="airflow-api-server",
                command=(environment_program("airflow"), "api-server"),
                environment=self._environment(),
                # its first call takes seconds, which the first task would pay
                health=Health(f"{self.url}/execution/health"),
                ports={"HTTP": self.port},
                port_setting="AIRFLOW_PORT",
                depends_on=(METADATA_STEP,),
                url=self.url,
                user=ADMIN,
                password=self.password,
                stop_seconds=3,  # it closes at once and then lingers
            ),
            # the local executor's log server would listen on every address, and the logs lie on this disk anyway
            self._job("airflow-scheduler", ("scheduler", "--skip-serve-logs"), "scheduler", self.task_environment),
            self._job("airflow-dag-processor", ("dag-processor",), "dag_processor", {}),
        ]

    @property
    def _database(self) -> Path:
        return self.home / "airflow.db"

    @property
    def _passwords(self) -> Path:
        return self.secrets.directory / "airflow_passwords.json"

    def _job(self, name: str, command: tuple[str, ...], component: str, environment: Mapping[str, str]) -> Service:
        return Service(
            name=name,
            command=(environment_program("airflow"), *command),
            environment={**self._environment(), **environment},
            health=Health(f"{self.url}/api/v2/monitor/health", heartbeat=component),
            # a killed worker of the local executor may take the lock of the queue with it: no task would run again
            vital_children=component == "scheduler",
            depends_on=(METADATA_STEP, *self.depends_on),
        )

    def _environment(self) -> dict[str, str]:
        options = {
            "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__FERNET_KEY": self.secrets.fernet_key("airflow_fernet_key"),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks the name service
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
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
