"""The catalogue: each service of the platform once, as data.

The native run, ``make status``, ``make reset``, the check of ports, Prometheus' scrape jobs and the summary are made
from it. ``make tables`` writes the services' tables of the documents and ``prometheus.yml`` from it. ``.env.example``
and the manifests are held against it by ``tests/contracts/test_services.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from readmission.settings import DataApiSettings, InferenceSettings, PageSettings, PipelineSettings, TrackingSettings
from readmission.settings.base import EnvironmentSettings
from readmission.settings.parts import InstanceSettings


@dataclass(frozen=True)
class Port:
    """A port by what is spoken on it, with its default number."""

    label: str
    number: int


@dataclass(frozen=True)
class Metrics:
    """The route that Prometheus scrapes, and the label of its port."""

    route: str
    port: str = "HTTP"


@dataclass(frozen=True)
class Folder:
    """A folder of data under the home of the native run; ``formerly`` is its name in an earlier release."""

    name: str
    formerly: str | None = None


@dataclass(frozen=True)
class Database:
    """A database, and the setting that holds its SQLAlchemy URL."""

    name: str
    setting: str


@dataclass(frozen=True)
class Programs:
    """What the native run needs beside the Python packages.

    ``names`` are the programs, ``packages`` the Debian packages that bring them, and ``without`` says how things are as
    long as they are missing.
    """

    names: tuple[str, ...]
    packages: tuple[str, ...]
    without: str


@dataclass(frozen=True)
class ServiceSpec:
    """One service.

    ``purpose`` says what it does, ``while_down`` what the others still do without it, ``software`` which program it is
    where its name does not say so. They are Markdown for the documents' tables.
    ``native`` is the function that says how it is started on one machine: ``module:function`` under
    ``readmission.local``. ``kubernetes`` is its folder there, ``folder`` its deployable in the repository's root.
    ``port_setting`` changes the first of ``ports`` in the native run, and moves the others with it; ``native_port`` is
    its default there where it differs. ``address_setting`` is how the others find it: a user who sets it has a service
    of his own, which is used and not started. ``health`` and ``metrics`` are routes on the first port, unless
    ``metrics`` names another. ``settings`` is the class that it reads: it is given these variables and no others.
    ``secrets`` are files of the native run's folder of secrets; one that is named like a setting is its default.
    ``folders``, ``databases`` and ``buckets`` are the data that it owns. ``depends_on`` must be ready before it starts.
    ``password`` is the name of the secret with which ``user`` signs in.
    """

    name: str
    purpose: str
    while_down: str
    native: str
    kubernetes: str
    software: str | None = None
    folder: str | None = None
    ports: tuple[Port, ...] = ()
    native_port: int | None = None
    port_setting: str = ""
    address_setting: str = ""
    scheme: str = "http"
    health: str | None = None
    metrics: Metrics | None = None
    settings: type[EnvironmentSettings] | None = None
    secrets: tuple[str, ...] = ()
    folders: tuple[Folder, ...] = ()
    databases: tuple[Database, ...] = ()
    buckets: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    user: str | None = None
    password: str | None = None
    programs: Programs | None = None

    @property
    def default_port(self) -> int:
        """The first port's default in the native run; only for a service that has ports."""
        return self.native_port or self.ports[0].number

    def ports_from(self, first: int) -> dict[str, int]:
        """Each port by its label, when the first one is ``first``."""
        return {port.label: port.number - self.ports[0].number + first for port in self.ports}


_AIRFLOW_HEALTH = "/api/v2/monitor/health"
_S3_PARTS = tuple(Port(label, 9000 + offset) for offset, label in enumerate(("S3", "master", "volume", "filer")))

SERVICES: tuple[ServiceSpec, ...] = (
    ServiceSpec(
        name="mysql",
        purpose="keeps the databases",
        while_down="predictions (they are not logged); no pipeline, no MLflow",
        software="MySQL; MariaDB in the native run, else SQLite files",
        native="mariadb:start",
        kubernetes="mysql",
        ports=(Port("SQL", 3306),),
        native_port=13_306,  # a MySQL of the machine itself keeps its port
        port_setting="MARIADB_PORT",
        scheme="mysql",
        secrets=("mysql_password",),
        folders=(Folder("mysql", formerly="mariadb"), Folder("mysql.new", formerly="mariadb.new"), Folder("sqlite")),
        programs=Programs(
            names=("mariadbd", "mariadb-install-db"),
            packages=("mariadb-server-core", "mariadb-client"),
            without="SQLite files take its place",
        ),
    ),
    ServiceSpec(
        name="object-store",
        purpose="keeps the buckets",
        while_down="predictions; no pipeline, no artifacts in MLflow",
        software="SeaweedFS, or any S3",
        native="object_store:start",
        kubernetes="object-store",
        # every part of SeaweedFS but the metrics also listens on its port + 10,000
        ports=(
            *_S3_PARTS,
            Port("metrics", 9004),
            *(Port(f"{part.label} gRPC", part.number + 10_000) for part in _S3_PARTS),
        ),
        port_setting="S3_PORT",
        address_setting="S3_ENDPOINT",
        health="/healthz",
        metrics=Metrics("/metrics", port="metrics"),
        secrets=("s3_access_key", "s3_secret_key"),
        folders=(Folder("object-store", formerly="s3"),),
    ),
    ServiceSpec(
        name="mlflow",
        purpose="keeps runs, models, aliases; passes artifacts on to S3",
        while_down="predictions with the last good model, also after a restart of the inference API; "
        "training and promotion fail and are retried",
        native="mlflow:start",
        kubernetes="mlflow",
        ports=(Port("HTTP", 5000),),
        port_setting="MLFLOW_PORT",
        address_setting="MLFLOW_TRACKING_URI",
        health="/health",
        settings=TrackingSettings,
        databases=(Database("mlflow_db", "MLFLOW_BACKEND_STORE_URI"),),
        buckets=("mlflow",),
        depends_on=("mysql", "object-store"),
    ),
    ServiceSpec(
        name="data-api",
        purpose="publishes encounters in batches",
        while_down="predictions; no new data",
        software="Flask, waitress",
        native="applications:data_api",
        kubernetes="data-api",
        folder="ec2_api",
        ports=(Port("HTTP", 5001),),
        port_setting="DATA_API_PORT",
        address_setting="DATA_API_URL",
        health="/health",
        metrics=Metrics("/metrics"),
        settings=DataApiSettings,
        secrets=("data_api_key",),
        folders=(Folder("data-api"),),
    ),
    ServiceSpec(
        name="inference-api",
        purpose="answers with the model in production; `/ready` says whether it has one",
        while_down="training and promotion; task 11 fails and is retried, the model is promoted all the same",
        software="FastAPI, uvicorn",
        native="applications:inference_api",
        kubernetes="inference-api",
        folder="fastapi",
        ports=(Port("HTTP", 8000),),
        port_setting="INFERENCE_PORT",
        address_setting="INFERENCE_API_URL",
        health="/health",
        metrics=Metrics("/metrics"),
        settings=InferenceSettings,
        secrets=("admin_api_key",),
        folders=(Folder("inference-api", formerly="serving"),),
        databases=(Database("inference_db", "INFERENCE_DATABASE_URL"),),
        depends_on=("mysql",),
    ),
    ServiceSpec(
        name="streamlit",
        purpose="the page: the clinician's form, Spanish and English",
        while_down="everything else",
        native="applications:streamlit",
        kubernetes="streamlit",
        folder="streamlit",
        ports=(Port("HTTP", 8501),),
        port_setting="STREAMLIT_PORT",
        health="/_stcore/health",
        settings=PageSettings,
        secrets=("page_api_key",),
    ),
    ServiceSpec(
        name="airflow-api-server",
        purpose="shows the runs; the tasks report to it",
        while_down="predictions; no new models",
        native="airflow:api_server",
        kubernetes="airflow",
        ports=(Port("HTTP", 8080),),
        port_setting="AIRFLOW_PORT",
        health=_AIRFLOW_HEALTH,
        secrets=("airflow_admin_password", "airflow_fernet_key", "airflow_secret_key", "airflow_jwt_secret"),
        folders=(Folder("airflow"),),
        user="admin",
        password="airflow_admin_password",  # noqa: S106 - the name of the secret
    ),
    # the two without a port say how they are through the API server
    ServiceSpec(
        name="airflow-scheduler",
        purpose="runs `mlops_diabetes_pipeline` every 10 minutes",
        while_down="predictions; no new models",
        native="airflow:scheduler",
        kubernetes="airflow",
        settings=PipelineSettings,
        databases=(Database("raw_data_db", "RAW_DATABASE_URL"), Database("clean_data_db", "CLEAN_DATABASE_URL")),
        buckets=("landing", "datasets"),
        depends_on=("mysql", "object-store"),
    ),
    ServiceSpec(
        name="airflow-dag-processor",
        purpose="reads the DAG file",
        while_down="predictions and runs; a changed DAG file is not read",
        native="airflow:dag_processor",
        kubernetes="airflow",
        settings=InstanceSettings,  # the DAG file reads how long a run waits for the instance
    ),
    ServiceSpec(
        name="prometheus",
        purpose="scrapes every service that has metrics",
        while_down="everything else",
        native="prometheus:start",
        kubernetes="prometheus",
        ports=(Port("HTTP", 9090),),
        port_setting="PROMETHEUS_PORT",
        health="/-/ready",
        metrics=Metrics("/metrics"),
        folders=(Folder("prometheus"),),
        programs=Programs(("prometheus",), ("prometheus",), without="there are no metrics over time"),
    ),
)

BY_NAME: Mapping[str, ServiceSpec] = {spec.name: spec for spec in SERVICES}
BUCKETS: tuple[str, ...] = tuple(bucket for spec in SERVICES for bucket in spec.buckets)
