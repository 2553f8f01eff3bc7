"""The catalogue of the platform's services, as data.

The native run, ``make status``, ``make reset``, the check of ports, Prometheus' scrape jobs and the summary use it.
``make tables`` writes the services' tables of the documents and ``prometheus.yml`` from it.
``tests/contracts/test_services.py`` compares ``.env.example`` and the manifests with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from readmission.settings import DataApiSettings, InferenceSettings, PageSettings, PipelineSettings, TrackingSettings
from readmission.settings.base import EnvironmentSettings
from readmission.settings.parts import DagSettings


@dataclass(frozen=True)
class Port:
    """A port: its protocol or purpose as ``label``, and its default number."""

    label: str
    number: int


@dataclass(frozen=True)
class Metrics:
    """The route that Prometheus scrapes, and the label of the port that serves it."""

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
    """Programs that a service of the native run needs and that are no Python packages.

    ``names``: the programs. ``packages``: the Debian packages that install them. ``without``: the effect for the user
    when they are missing.
    """

    names: tuple[str, ...]
    packages: tuple[str, ...]
    without: str


@dataclass(frozen=True)
class ServiceSpec:
    """One service.

    ``purpose``: what it does. ``while_down``: what the other services still do without it. ``software``: its program,
    if the name does not say it. These three are Markdown for the documents' tables.

    ``native``: the starter function of the native run, as ``module:function`` under ``readmission.local``.
    ``kubernetes``: its folder under ``kubernetes/``. ``folder``: its deployable in the repository's root.

    ``port_setting``: the variable that sets the first of ``ports`` in the native run; the others keep their distance to
    it. ``native_port``: the default of the first port in the native run, if it differs. ``address_setting``: the
    variable with which other services find it; if the user sets it, that address is used and no service is started.
    ``health`` and ``metrics``: routes on the first port, unless ``metrics`` names another port.

    ``settings``: the class of its settings; it gets these variables and no others. ``secrets``: files in the native
    run's folder of secrets; a secret with the name of a setting is the default of that setting. ``user`` signs in with
    the secret that ``password`` names.

    ``folders``, ``databases`` and ``buckets``: the data that it owns. ``depends_on``: services that must be ready
    before it starts. ``programs``: what must be installed to start it.
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
        """The default of the first port in the native run; only for a service that has ports."""
        return self.native_port or self.ports[0].number

    def ports_from(self, first: int) -> dict[str, int]:
        """All ports by their labels, shifted so that the first one is ``first``."""
        return {port.label: port.number - self.ports[0].number + first for port in self.ports}


_AIRFLOW_HEALTH = "/api/v2/monitor/health"
_S3_PARTS = (Port("S3", 9000), Port("master", 9001), Port("volume", 9002), Port("filer", 9003), Port("admin", 9005))

SERVICES: tuple[ServiceSpec, ...] = (
    ServiceSpec(
        name="mysql",
        purpose="keeps the databases",
        while_down="predictions (their log waits on disk); no pipeline, no MLflow",
        software="MySQL; MariaDB in the native run, else SQLite files",
        native="mariadb:start",
        kubernetes="mysql",
        ports=(Port("SQL", 3306),),
        native_port=13_306,  # leaves 3306 to a MySQL server of the machine
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
        # every part of SeaweedFS except the metrics also listens for gRPC on its port + 10,000
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
        secrets=("mlflow_admin_password", "mlflow_pipeline_password", "mlflow_serving_password"),
        databases=(Database("mlflow_db", "MLFLOW_BACKEND_STORE_URI"),),
        buckets=("mlflow",),
        depends_on=("mysql", "object-store"),
        user="admin",
        password="mlflow_admin_password",  # noqa: S106 - the name of the secret
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
        secrets=("data_api_key", "data_api_read_key"),
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
        ports=(Port("HTTP", 8000), Port("gRPC", 8001)),
        port_setting="INFERENCE_PORT",
        address_setting="INFERENCE_API_URL",
        health="/health",
        metrics=Metrics("/metrics"),
        settings=InferenceSettings,
        secrets=("admin_api_key", "patient_reference_key"),
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
        secrets=(
            "airflow_admin_password",
            "airflow_api_password",
            "airflow_fernet_key",
            "airflow_secret_key",
            "airflow_jwt_secret",
        ),
        folders=(Folder("airflow"),),
        user="admin",
        password="airflow_admin_password",  # noqa: S106 - the name of the secret
    ),
    # the three services without a port are checked through the API server's health report
    ServiceSpec(
        name="airflow-scheduler",
        purpose="runs `mlops_diabetes_pipeline` every 10 minutes",
        while_down="predictions; no new models",
        native="airflow:scheduler",
        kubernetes="airflow",
        settings=PipelineSettings,
        secrets=("gate_signing_key",),
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
        settings=DagSettings,
    ),
    ServiceSpec(
        name="airflow-triggerer",
        purpose="waits for deferred tasks; none is, but Airflow's home page shows a fault without it",
        while_down="everything; Airflow's home page shows a fault",
        native="airflow:triggerer",
        kubernetes="airflow",
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
