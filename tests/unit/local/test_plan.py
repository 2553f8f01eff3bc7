import stat
from pathlib import Path

import pytest
import yaml

from doubles.gate_keys import PUBLIC_KEY, SIGNING_KEY, STRANGER
from readmission.adapters.signatures import Signer
from readmission.errors import InvalidInput, MissingSetting
from readmission.local.databases import DataLeftBehind
from readmission.local.environment import names_of
from readmission.local.mlflow import CLIENT_ACCOUNT as ACCOUNT
from readmission.local.plan import Plan, make_plan
from readmission.local.programs import Found, with_everything
from readmission.local.service import Service
from readmission.local.settings import LocalSettings
from readmission.services import SERVICES
from readmission.settings import DataApiSettings, InferenceSettings, PageSettings, PipelineSettings, TrackingSettings

NOTHING = Found({})
EVERYTHING = with_everything(NOTHING)
DATABASES = ("RAW_DATABASE_URL", "CLEAN_DATABASE_URL", "INFERENCE_DATABASE_URL")
# what MLflow and Airflow themselves read
FOREIGN = (
    "PYTHONPATH",
    "AIRFLOW__",
    "AIRFLOW_HOME",
    "MLFLOW_SERVER",
    "MLFLOW_DISABLE",
    "MLFLOW_ARTIFACTS",
    "MLFLOW_S3",
    "AWS_",
    "DO_NOT_TRACK",
)


@pytest.fixture
def local(tmp_path: Path) -> LocalSettings:
    return LocalSettings(readmission_home=tmp_path)


@pytest.fixture
def plan(local: LocalSettings) -> Plan:
    """The plan of a user who set nothing, on a machine with every program."""
    return make_plan({}, local, EVERYTHING)


def names(plan: Plan) -> set[str]:
    return {service.name for service in plan.services}


def read_by(service: Service) -> set[str]:
    """The variables of a service that are our own settings."""
    return {name for name in service.environment if not name.startswith(FOREIGN)}


def test_with_every_program_the_whole_catalogue_is_started_in_its_order(plan):
    assert [service.name for service in plan.services] == [spec.name for spec in SERVICES]
    assert all(plan.environment[name].startswith("mysql+mysqlconnector://") for name in DATABASES)


def test_without_mariadb_the_databases_are_files_and_it_says_so(local):
    plan = make_plan({}, local, NOTHING)

    assert not {"mysql", "prometheus"} & names(plan)
    assert all(plan.environment[name].startswith(f"sqlite:///{local.home}/sqlite/") for name in DATABASES)
    assert "SQLite" in plan.notes[0]


def test_what_began_with_files_stays_with_them(local):
    (local.home / "sqlite").mkdir()

    plan = make_plan({}, local, EVERYTHING)

    assert "mysql" not in names(plan)


@pytest.mark.parametrize("folder", ["mysql", "mariadb"])
def test_data_in_a_server_that_is_gone_are_not_forgotten(local, folder):
    (local.home / folder).mkdir()

    with pytest.raises(DataLeftBehind, match="mariadbd is not installed"):
        make_plan({}, local, NOTHING)


@pytest.mark.parametrize(
    ("setting", "value", "service"),
    [
        ("MLFLOW_TRACKING_URI", "http://mlflow.example:5000", "mlflow"),
        ("DATA_API_URL", "http://data.example:5001", "data-api"),
        ("INFERENCE_API_URL", "http://model.example:8000", "inference-api"),
    ],
)
def test_a_service_that_is_named_by_its_url_is_used_and_not_started(local, setting, value, service):
    plan = make_plan({setting: value}, local, EVERYTHING)

    assert service not in names(plan)
    assert plan.environment[setting] == value


def test_an_own_object_store_needs_its_keys(local):
    with pytest.raises(MissingSetting, match="S3_ACCESS_KEY"):
        make_plan({"S3_ENDPOINT": "https://s3.example"}, local, EVERYTHING)


def test_an_own_object_store_is_where_mlflow_keeps_its_artifacts(local):
    chosen = {"S3_ENDPOINT": "https://s3.example", "S3_ACCESS_KEY": "who", "S3_SECRET_KEY": "hush"}

    plan = make_plan(chosen, local, EVERYTHING)

    mlflow = plan.service("mlflow")
    assert "object-store" not in names(plan)
    assert mlflow.environment["MLFLOW_S3_ENDPOINT_URL"] == "https://s3.example"
    assert mlflow.environment["AWS_SECRET_ACCESS_KEY"] == "hush"


def test_with_every_database_named_by_its_url_none_is_started(local):
    chosen = {name: f"sqlite:////elsewhere/{name}.db" for name in (*DATABASES, "MLFLOW_BACKEND_STORE_URI")}

    plan = make_plan(chosen, local, EVERYTHING)

    mlflow = plan.service("mlflow")
    assert "mysql" not in names(plan)
    assert plan.notes == []
    assert mlflow.environment["MLFLOW_BACKEND_STORE_URI"] == "sqlite:////elsewhere/MLFLOW_BACKEND_STORE_URI.db"


def test_one_database_of_ones_own_leaves_the_others_to_the_server(local):
    plan = make_plan({"RAW_DATABASE_URL": "sqlite:////elsewhere/raw.db"}, local, EVERYTHING)

    assert plan.environment["RAW_DATABASE_URL"] == "sqlite:////elsewhere/raw.db"
    assert plan.environment["CLEAN_DATABASE_URL"].endswith("/clean_data_db")
    assert "mysql" in names(plan)


@pytest.mark.parametrize(
    ("service", "settings", "needed"),
    [
        ("airflow-scheduler", PipelineSettings, {*DATABASES, "S3_SECRET_KEY", "MLFLOW_TRACKING_URI", "ADMIN_API_KEY"}),
        ("inference-api", InferenceSettings, {"INFERENCE_DATABASE_URL", "MLFLOW_TRACKING_URI", "ADMIN_API_KEY"}),
        ("streamlit", PageSettings, {"INFERENCE_API_URL"}),
        ("data-api", DataApiSettings, {"DATA_API_KEY", "DATA_API_READ_KEY", "DATA_CACHE"}),
        ("mlflow", TrackingSettings, {"S3_SECRET_KEY"}),
    ],
)
def test_a_process_is_given_what_its_settings_class_reads_and_nothing_else(plan, service, settings, needed):
    given = read_by(plan.service(service))

    assert needed <= given
    assert given <= names_of(settings)


def test_the_object_store_has_its_certificate_and_its_sockets_in_private_folders(plan, local):
    store = plan.service("object-store")

    files = {value for name, value in store.environment.items() if name.endswith(("_CA", "_CERT", "_KEY"))}
    sockets = [each.split("=")[1] for each in store.command if "ocalSocket=" in each]
    assert {Path(file).parent for file in files} == {local.home / "secrets"}
    assert [Path(socket).parent for socket in sockets] == [local.run, local.run]


def test_the_inference_api_sees_no_key_of_the_store_and_no_other_database(plan):
    secret = {"S3_ACCESS_KEY", "S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "RAW_DATABASE_URL", "CLEAN_DATABASE_URL"}

    assert not secret & plan.service("inference-api").environment.keys()


def test_each_process_signs_in_at_mlflow_with_an_account_of_its_own(plan):
    clients = {service.name: service.environment for service in plan.services if ACCOUNT[0] in service.environment}
    mlflow = plan.service("mlflow").environment

    accounts = {name: tuple(environment[variable] for variable in ACCOUNT) for name, environment in clients.items()}

    assert accounts == {
        "airflow-scheduler": ("pipeline", mlflow["MLFLOW_PIPELINE_PASSWORD"]),
        "inference-api": ("serving", mlflow["MLFLOW_SERVING_PASSWORD"]),
    }


def test_no_process_but_mlflow_itself_knows_the_password_of_another_account(plan):
    passwords = {value for name, value in plan.service("mlflow").environment.items() if name.endswith("_PASSWORD")}

    known = {service.name: len(passwords & set(service.environment.values())) for service in plan.services}

    assert len(passwords) == 3
    assert {name: count for name, count in known.items() if count} == {
        "mlflow": 3,
        "airflow-scheduler": 1,
        "inference-api": 1,
    }


def test_the_account_of_a_persons_own_client_is_no_account_of_a_process(local):
    plan = make_plan(dict(zip(ACCOUNT, ("ana", "hush"), strict=True)), local, EVERYTHING)

    assert plan.service("inference-api").environment["MLFLOW_TRACKING_USERNAME"] == "serving"
    assert "hush" not in str([service.environment for service in plan.services])


def test_an_own_mlflow_is_used_with_its_own_account(local):
    chosen = {"MLFLOW_TRACKING_URI": "http://mlflow.example", **dict(zip(ACCOUNT, ("ana", "hush"), strict=True))}

    plan = make_plan(chosen, local, EVERYTHING)

    for name in ("airflow-scheduler", "inference-api"):
        assert chosen.items() <= plan.service(name).environment.items()
    assert not [path.name for path in (local.home / "secrets").iterdir() if path.name.startswith("mlflow")]


def test_the_table_shows_how_a_person_signs_in_at_mlflow(plan):
    mlflow = plan.service("mlflow")

    assert (mlflow.user, mlflow.password) == ("admin", mlflow.environment["MLFLOW_ADMIN_PASSWORD"])


def test_the_pipeline_writes_its_notes_with_an_account_of_the_least_role_that_may(plan, local):
    server, scheduler = plan.service("airflow-api-server"), plan.service("airflow-scheduler")

    assert server.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,pipeline:user"
    assert scheduler.environment["AIRFLOW_API_URL"] == server.url
    assert scheduler.environment["AIRFLOW_API_PASSWORD"] == (local.home / "secrets/airflow_api_password").read_text()


def test_only_the_scheduler_whose_children_are_the_tasks_knows_the_password_of_that_account(plan):
    knowing = [service.name for service in plan.services if "AIRFLOW_API_PASSWORD" in service.environment]

    assert knowing == ["airflow-scheduler"]


def test_without_client_keys_the_page_has_none(plan):
    assert set(plan.service("streamlit").environment) == {"INFERENCE_API_URL"}


def test_with_client_keys_the_page_has_one_of_its_own_that_the_api_knows(local):
    plan = make_plan({"API_KEYS": "one,two"}, local, EVERYTHING)

    page = plan.service("streamlit").environment
    assert set(page) == {"INFERENCE_API_URL", "PAGE_API_KEY"}
    assert page["PAGE_API_KEY"] not in ("one", "two")
    assert plan.service("inference-api").environment["API_KEYS"] == f"one,two,{page['PAGE_API_KEY']}"


def test_the_pages_key_is_the_same_at_the_next_start(local):
    first, second = (make_plan({"API_KEYS": "one"}, local, EVERYTHING) for _ in range(2))

    assert first.environment["PAGE_API_KEY"] == second.environment["PAGE_API_KEY"]


@pytest.mark.parametrize(("keys", "known"), [("one", "one,mine"), ("one, mine", "one, mine")])
def test_a_key_of_the_page_that_the_user_set_is_taken(local, keys, known):
    plan = make_plan({"API_KEYS": keys, "PAGE_API_KEY": "mine"}, local, EVERYTHING)

    assert plan.service("streamlit").environment["PAGE_API_KEY"] == "mine"
    assert plan.service("inference-api").environment["API_KEYS"] == known


def test_somebody_elses_inference_api_gets_no_key_of_ours(local):
    plan = make_plan({"API_KEYS": "one", "INFERENCE_API_URL": "http://model.example"}, local, EVERYTHING)

    assert "PAGE_API_KEY" not in plan.service("streamlit").environment


def test_no_secret_is_made_for_a_service_of_the_user(local):
    plan = make_plan({"DATA_API_URL": "http://data.example"}, local, EVERYTHING)

    assert not {"DATA_API_KEY", "DATA_API_READ_KEY"} & plan.environment.keys()


def test_the_pipeline_has_the_read_key_of_the_data_api_and_not_its_admin_key(plan):
    pipeline = plan.service("airflow-scheduler").environment

    assert pipeline["DATA_API_READ_KEY"] == plan.service("data-api").environment["DATA_API_READ_KEY"]
    assert "DATA_API_KEY" not in pipeline


def test_a_service_waits_for_all_that_the_catalogue_says(plan):
    waits = {service.name: service.depends_on for service in plan.services}

    assert [spec.name for spec in SERVICES if not set(spec.depends_on) <= set(waits[spec.name])] == []
    assert {"mysql-databases", "databases"} <= set(waits["inference-api"])


def test_with_files_for_databases_a_service_waits_for_their_folder(local):
    plan = make_plan({}, local, NOTHING)

    assert "sqlite-folder" in plan.service("mlflow").depends_on
    assert "mysql" not in plan.service("mlflow").depends_on


def test_all_that_is_waited_for_is_in_the_plan(plan):
    there = {each.name for each in (*plan.services, *plan.steps)}

    assert {name for each in (*plan.services, *plan.steps) for name in each.depends_on} - there == set()


def test_prometheus_has_a_job_for_each_service_with_metrics(plan, local):
    local.run.mkdir()
    next(step for step in plan.steps if step.name == "prometheus-configuration").run()

    jobs = yaml.safe_load((local.run / "prometheus.yml").read_text())["scrape_configs"]

    assert {job["job_name"]: job["metrics_path"] for job in jobs} == {
        spec.name: spec.metrics.route for spec in SERVICES if spec.metrics
    }
    assert jobs[0]["static_configs"] == [{"targets": [f"127.0.0.1:{plan.service('object-store').ports['metrics']}"]}]


def test_a_service_of_the_user_is_not_scraped(local):
    plan = make_plan({"INFERENCE_API_URL": "http://model.example"}, local, EVERYTHING)
    local.run.mkdir()
    next(step for step in plan.steps if step.name == "prometheus-configuration").run()

    assert "inference-api" not in (local.run / "prometheus.yml").read_text()


def test_a_port_that_the_user_set_moves_the_others_with_it(tmp_path):
    local = LocalSettings(readmission_home=tmp_path, s3_port=20_000)

    ports = make_plan({}, local, EVERYTHING).service("object-store").ports

    assert (ports["S3"], ports["metrics"], ports["filer gRPC"]) == (20_000, 20_004, 30_003)


def test_no_secret_is_on_a_command_line(local):
    plan = make_plan({}, local, EVERYTHING)
    secrets = [path.read_text() for path in (local.home / "secrets").iterdir()]

    commands = [" ".join(service.command) for service in plan.services]

    assert secrets
    assert [command for command in commands if any(secret in command for secret in secrets)] == []


def test_a_key_of_ones_own_is_taken(local):
    plan = make_plan({"ADMIN_API_KEY": "my-own"}, local, EVERYTHING)

    assert plan.service("inference-api").environment["ADMIN_API_KEY"] == "my-own"


def test_nothing_listens_on_another_address_whatever_is_set(local):
    plan = make_plan({"HOST": "0.0.0.0"}, local, EVERYTHING)  # noqa: S104 - what a user may have set

    assert {service.environment.get("HOST", "127.0.0.1") for service in plan.services} == {"127.0.0.1"}


def test_every_port_has_one_service_and_a_setting_that_changes_it(local):
    services = make_plan({}, local, EVERYTHING).services
    ports = [port for service in services for port in service.ports.values()]

    assert len(ports) == len(set(ports))
    assert [service.name for service in services if service.ports and not service.port_setting] == []


def test_a_plan_writes_nothing_but_secrets(local):
    make_plan({}, local, EVERYTHING)

    assert [path.name for path in local.home.iterdir()] == ["secrets"]
    assert stat.S_IMODE((local.home / "secrets").stat().st_mode) == 0o700


def test_the_pipeline_gets_the_private_key_and_the_inference_api_its_public_half(plan):
    scheduler, api = plan.service("airflow-scheduler").environment, plan.service("inference-api").environment

    assert api["GATE_PUBLIC_KEY"] == Signer(scheduler["GATE_SIGNING_KEY"]).public_key
    private = [service.name for service in plan.services if "GATE_SIGNING_KEY" in service.environment]
    assert private == ["airflow-scheduler"]
    assert "GATE_PUBLIC_KEY" not in scheduler


def test_the_gates_key_is_the_same_at_the_next_start(local):
    first, second = (make_plan({}, local, EVERYTHING) for _ in range(2))

    assert first.environment["GATE_SIGNING_KEY"] == second.environment["GATE_SIGNING_KEY"]


def test_a_public_key_that_the_user_set_is_trusted_beside_our_own(local):
    plan = make_plan({"GATE_PUBLIC_KEY": STRANGER.public_key}, local, EVERYTHING)

    own = Signer(plan.environment["GATE_SIGNING_KEY"]).public_key
    assert plan.service("inference-api").environment["GATE_PUBLIC_KEY"] == f"{STRANGER.public_key},{own}"


def test_a_signing_key_that_the_user_set_is_taken(local):
    plan = make_plan({"GATE_SIGNING_KEY": SIGNING_KEY}, local, EVERYTHING)

    assert plan.service("inference-api").environment["GATE_PUBLIC_KEY"] == PUBLIC_KEY


def test_the_inference_api_waits_until_the_promoted_versions_are_signed(plan):
    (step,) = [step for step in plan.steps if step.name == "signatures"]

    assert {"databases", "mlflow"} <= set(step.depends_on)
    assert "signatures" in plan.service("inference-api").depends_on


def test_the_pipelines_airflow_account_cannot_have_the_name_of_the_persons(local):
    with pytest.raises(InvalidInput, match="AIRFLOW_API_USER must not be admin"):
        make_plan({"AIRFLOW_API_USER": "admin"}, local, EVERYTHING)


def test_the_horizons_of_the_user_reach_whatever_reads_them(local):
    horizons = "within_30_days,any"

    plan = make_plan({"HORIZONS": horizons}, local, EVERYTHING)

    reached = [service.name for service in plan.services if service.environment.get("HORIZONS") == horizons]
    assert reached == ["inference-api", "airflow-scheduler", "airflow-dag-processor"]
