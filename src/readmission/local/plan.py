"""Which services the native run starts here, from the settings and from the programs that this machine has.

A backing service that the settings name by its URL is used and not started.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from readmission.adapters.database import migrate_all
from readmission.errors import ReadmissionError
from readmission.local.airflow import METADATA_STEP, Airflow
from readmission.local.applications import data_api_service, inference_service, streamlit_service
from readmission.local.environment import base_environment, chosen
from readmission.local.graph import Step
from readmission.local.mariadb import MariaDb
from readmission.local.mlflow import mlflow_service, s3_artifacts
from readmission.local.object_store import SeaweedFs
from readmission.local.programs import Programs
from readmission.local.prometheus import prometheus_service, write_configuration
from readmission.local.secret_files import SecretFiles
from readmission.local.service import Service
from readmission.local.settings import PROJECT, LocalSettings
from readmission.settings import Settings

USER = "readmission"
DATABASES = {
    "RAW_DATABASE_URL": "raw_data_db",
    "CLEAN_DATABASE_URL": "clean_data_db",
    "INFERENCE_DATABASE_URL": "inference_db",
}
MLFLOW_DATABASE = "mlflow_db"
DATABASES_STEP = "databases"
BACKING = ("mariadb", "object-store")


class DataLeftBehind(ReadmissionError):
    """Data of an earlier run lie in a server whose program is gone."""


@dataclass
class Plan:
    """``environment`` is what the pipeline's tasks get; ``steps`` is the work before and between the services."""

    environment: dict[str, str]
    airflow: Airflow
    services: list[Service] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def sets(self, name: str) -> bool:
        return name in self.environment


def make_plan(settings: Settings, local: LocalSettings, programs: Programs) -> Plan:
    """Every service of the native run; makes the secrets, writes and starts nothing else.

    Raises :class:`DataLeftBehind` and ``MissingSetting`` (keys of an S3 store that is named by its URL).
    """
    secrets = SecretFiles(local.home / "secrets")
    environment = {**_defaults(local, secrets), **chosen(settings), "HOST": "127.0.0.1"}
    airflow = Airflow(local.home / "airflow", secrets, local.airflow_port, environment, depends_on=BACKING)
    plan = Plan(environment, airflow)
    _add_databases(plan, local, secrets, with_mariadb=programs.mariadb)
    _add_object_store(plan, settings, local, secrets)
    _add_mlflow(plan, local)
    _add_applications(plan, settings, local)
    _add_airflow(plan)
    if programs.prometheus:
        _add_prometheus(plan, local, programs.prometheus)
    return plan


def _defaults(local: LocalSettings, secrets: SecretFiles) -> dict[str, str]:
    return {
        "ADMIN_API_KEY": secrets.get("admin_api_key"),
        "DATA_API_KEY": secrets.get("data_api_key"),
        "DATA_CACHE": str(local.home / "data-api"),
        "SERVING_DIR": str(local.home / "serving"),
        "MODEL_POLL_SECONDS": "5",
        "S3_REGION": "us-east-1",
    }


def _add_databases(plan: Plan, local: LocalSettings, secrets: SecretFiles, *, with_mariadb: bool) -> None:
    missing = {setting: name for setting, name in DATABASES.items() if not plan.sets(setting)}
    wants_mlflow = not plan.sets("MLFLOW_TRACKING_URI") and local.mlflow_backend_store_uri is None
    if wants_mlflow:
        missing["MLFLOW_BACKEND_STORE_URI"] = MLFLOW_DATABASE
    elif local.mlflow_backend_store_uri:
        plan.environment["MLFLOW_BACKEND_STORE_URI"] = local.mlflow_backend_store_uri.get_secret_value()
    if not missing:
        _add_migrations(plan, ())
    elif _takes_mariadb(local.home, with_mariadb=with_mariadb):
        _add_mariadb(plan, local, secrets, missing)
    else:
        _add_sqlite(plan, local.home / "sqlite", missing)


def _takes_mariadb(home: Path, *, with_mariadb: bool) -> bool:
    """The kind of database of an earlier run is kept, whatever is installed by now."""
    if (home / "mariadb").exists() and not with_mariadb:
        raise DataLeftBehind(f"mariadbd is not installed any more and data lie in {home / 'mariadb'}")
    return with_mariadb and not (home / "sqlite").exists()


def _add_mariadb(plan: Plan, local: LocalSettings, secrets: SecretFiles, missing: Mapping[str, str]) -> None:
    server = MariaDb(local.home / "mariadb", local.run / "mariadb.sock", local.mariadb_port)
    password = secrets.get("mariadb_password")
    plan.environment |= {setting: server.url(name, USER, password) for setting, name in missing.items()}
    plan.steps.append(Step("mariadb-data", server.initialise))
    plan.services.append(server.service(depends_on=("mariadb-data",)))
    plan.steps.append(
        Step("mariadb-user", lambda: server.create_databases(missing.values(), USER, password), ("mariadb",))
    )
    _add_migrations(plan, ("mariadb-user",))


def _add_sqlite(plan: Plan, directory: Path, missing: Mapping[str, str]) -> None:
    plan.environment |= {setting: f"sqlite:///{directory}/{name}.db" for setting, name in missing.items()}
    plan.notes.append(f"The databases are SQLite files under {directory}.")
    plan.steps.append(Step("sqlite-folder", lambda: directory.mkdir(parents=True, exist_ok=True)))
    _add_migrations(plan, ("sqlite-folder",))


def _add_migrations(plan: Plan, depends_on: tuple[str, ...]) -> None:
    def migrate() -> None:
        migrate_all(Settings.model_validate({name.lower(): value for name, value in plan.environment.items()}))

    plan.steps.append(Step(DATABASES_STEP, migrate, depends_on))


def _add_object_store(plan: Plan, settings: Settings, local: LocalSettings, secrets: SecretFiles) -> None:
    if plan.sets("S3_ENDPOINT"):
        for name in ("s3_access_key", "s3_secret_key"):
            settings.require(name)
        return
    keys = {"S3_ACCESS_KEY": secrets.get("s3_access_key"), "S3_SECRET_KEY": secrets.get("s3_secret_key")}
    plan.environment |= {**keys, "S3_ENDPOINT": f"http://127.0.0.1:{local.s3_port}"}
    server = SeaweedFs(local.home / "s3", secrets.directory / "s3.json", local.s3_port)
    plan.steps.append(
        Step("object-store-keys", lambda: server.initialise(keys["S3_ACCESS_KEY"], keys["S3_SECRET_KEY"]))
    )
    plan.services.append(server.service(depends_on=("object-store-keys",)))


def _add_mlflow(plan: Plan, local: LocalSettings) -> None:
    if plan.sets("MLFLOW_TRACKING_URI"):
        return
    environment = plan.environment
    artifacts = s3_artifacts(
        environment["S3_ENDPOINT"], environment["S3_ACCESS_KEY"], environment["S3_SECRET_KEY"], environment["S3_REGION"]
    )
    service = mlflow_service(
        port=local.mlflow_port,
        backend_store_uri=environment.pop("MLFLOW_BACKEND_STORE_URI"),
        artifacts=artifacts,
        depends_on=(*BACKING, "mariadb-user", "sqlite-folder"),
    )
    plan.services.append(service)
    environment["MLFLOW_TRACKING_URI"] = str(service.url)


def _add_applications(plan: Plan, settings: Settings, local: LocalSettings) -> None:
    environment = plan.environment
    if not plan.sets("DATA_API_URL"):
        environment["DATA_API_URL"] = f"http://127.0.0.1:{settings.data_api_port}"
        plan.services.append(data_api_service(settings.data_api_port, environment))
    if not plan.sets("INFERENCE_API_URL"):
        environment["INFERENCE_API_URL"] = f"http://127.0.0.1:{settings.inference_port}"
        plan.services.append(inference_service(settings.inference_port, environment, (*BACKING, DATABASES_STEP)))
    plan.services.append(streamlit_service(local.streamlit_port, environment))


def _add_airflow(plan: Plan) -> None:
    airflow = plan.airflow
    plan.steps.append(Step(METADATA_STEP, lambda: airflow.initialise(base_environment())))
    plan.services.extend(airflow.services())


def _add_prometheus(plan: Plan, local: LocalSettings, program: Path) -> None:
    configuration = local.run / "prometheus.yml"
    data = local.home / "prometheus"
    service = prometheus_service(program=program, configuration=configuration, data=data, port=local.prometheus_port)
    plan.services.append(service)
    scraped = {service.name: service.ports.get("metrics", service.ports.get("HTTP")) for service in plan.services}
    targets = {name: f"127.0.0.1:{port}" for name, port in scraped.items() if port}
    plan.steps.append(
        Step(
            "prometheus-configuration",
            lambda: write_configuration(PROJECT / "prometheus.yml", configuration, targets),
        )
    )
