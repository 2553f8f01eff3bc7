"""The catalogue and every place that tells of a service agree; each test names the place that was forgotten."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from readmission.local.environment import SERVICE_SETTINGS, names_of
from readmission.local.native import starter_of
from readmission.local.plan import Plan, make_plan
from readmission.local.programs import Found, with_everything
from readmission.local.settings import LocalSettings
from readmission.local.tables import outdated
from readmission.services import BY_NAME, SERVICES, ServiceSpec

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
KUBERNETES = ROOT / "kubernetes"
# of the native run as a whole; the two files hold secrets in the form that a program wants, the .pem is an identity
OF_THE_RUN = {"logs", "run", "secrets"}
MADE_OF_SECRETS = {"s3.json", "airflow_passwords.json"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def plan(home: Path) -> Plan:
    """A native run of the whole catalogue, with client keys."""
    return make_plan({"API_KEYS": "one"}, LocalSettings(readmission_home=home), with_everything(Found({})))


def _rows(document: str, heading: str) -> list[str]:
    """The rows of the table under a heading."""
    _, _, after = (ROOT / document).read_text(encoding="utf-8").partition(f"\n{heading}\n")
    section = re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert rows, f"{document} has no table under {heading!r}"
    return rows


def _row_of(spec: ServiceSpec, rows: list[str]) -> str:
    return next((row for row in rows if f"`{spec.name}`" in row.split("|")[1]), "")


def test_a_name_a_port_and_a_folder_belong_to_one_service():
    names = [spec.name for spec in SERVICES]
    ports = [port.number for spec in SERVICES for port in spec.ports]
    folders = [name for spec in SERVICES for each in spec.folders for name in (each.name, each.formerly) if name]

    assert [each for each in (names, ports, folders) if len(each) != len(set(each))] == []


def test_what_a_service_depends_on_comes_before_it_in_the_catalogue():
    earlier = {spec.name: {each.name for each in SERVICES[:place]} for place, spec in enumerate(SERVICES)}

    assert {spec.name: missing for spec in SERVICES if (missing := set(spec.depends_on) - earlier[spec.name])} == {}


def test_every_setting_that_the_catalogue_names_is_one():
    known = names_of(*SERVICE_SETTINGS, LocalSettings)
    named = {spec.port_setting for spec in SERVICES} | {spec.address_setting for spec in SERVICES}
    named |= {database.setting for spec in SERVICES for database in spec.databases}

    assert named - known - {""} == set()


def test_a_service_with_a_port_says_how_it_is_and_has_a_setting_that_moves_it():
    assert [spec.name for spec in SERVICES if spec.ports and not spec.port_setting] == []
    assert [spec.name for spec in SERVICES if spec.ports and not spec.health and spec.name != "mysql"] == []


def test_the_catalogue_is_read_without_the_libraries_of_its_services():
    heavy = set("airflow alembic boto3 fastapi flask mlflow pandas psutil sqlalchemy supervisor".split())
    code = f"import sys, readmission.services; print(sorted({heavy!r} & sys.modules.keys()))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_a_deployable_of_the_catalogue_is_there():
    folders = [spec.folder for spec in SERVICES if spec.folder]

    assert [folder for folder in folders if not (ROOT / folder / "Dockerfile").exists()] == []


def test_every_deployable_is_in_the_catalogue():
    deployables = {path.parent.name for path in ROOT.glob("*/Dockerfile")}

    assert deployables - {spec.folder for spec in SERVICES} == set()


@pytest.mark.parametrize("spec", SERVICES, ids=lambda spec: spec.name)
def test_the_native_run_knows_how_to_start_it(spec):
    try:
        starter = starter_of(spec)
    except (ImportError, AttributeError) as error:
        pytest.fail(f"the catalogue starts {spec.name} with {spec.native!r} under readmission.local: {error}")

    assert callable(starter)


def test_every_folder_that_a_service_is_told_of_is_deleted_by_reset(plan, home):
    owned = {folder.name for spec in SERVICES for folder in spec.folders} | OF_THE_RUN
    told = {service.name: " ".join([*service.command, *service.environment.values()]) for service in plan.services}

    found = {name: set(re.findall(rf"{re.escape(str(home))}/([^/\s,]+)", text)) for name, text in told.items()}

    assert {name: forgotten for name, folders in found.items() if (forgotten := folders - owned)} == {}, (
        "folders of the service"
    )


def test_every_secret_that_is_made_is_in_the_catalogue(plan, home):
    assert plan.services
    made = {path.name for path in (home / "secrets").iterdir() if path.suffix != ".pem"} - MADE_OF_SECRETS

    assert made == {secret for spec in SERVICES for secret in spec.secrets}


def test_env_example_has_the_port_of_every_service():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    expected = {f"{spec.port_setting}={spec.default_port}" for spec in SERVICES if spec.port_setting}

    assert expected - set(lines) == set(), ".env.example"


def test_the_documents_and_prometheus_tell_of_the_services_as_the_catalogue_does():
    files = sorted(outdated(ROOT))

    assert files == [], "Run make tables: it writes these files from the catalogue."


def test_prometheus_scrapes_every_service_with_metrics_at_its_name_and_port():
    configuration = yaml.safe_load((ROOT / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {
        job["job_name"]: (job.get("metrics_path", "/metrics"), job["static_configs"][0]["targets"])
        for job in configuration["scrape_configs"]
    }

    expected = {spec.name: (spec.metrics.route, [_target(spec)]) for spec in SERVICES if spec.metrics}
    assert jobs == expected, "prometheus.yml, scrape_configs"


def _target(spec: ServiceSpec) -> str:
    port = next(port.number for port in spec.ports if port.label == spec.metrics.port)
    return f"{spec.name}:{port}"


@pytest.mark.parametrize("document", ["README.md", "README.es.md"])
def test_a_readme_shows_the_address_of_every_service(document):
    shown = re.findall(r"│ ([a-z-]+) +│ (\w+://127\.0\.0\.1:\d+) ", (ROOT / document).read_text(encoding="utf-8"))

    assert shown == [(spec.name, f"{spec.scheme}://127.0.0.1:{spec.default_port}") for spec in SERVICES if spec.ports]


def test_the_architecture_has_a_row_for_every_service_with_its_port_and_health_route():
    rows = _rows("docs/architecture.md", "## What runs")
    words = {spec.name: [f" {spec.default_port} " if spec.ports else "", f"`{spec.health or ''}"] for spec in SERVICES}

    wrong = [name for name, each in words.items() if not all(word in _row_of(BY_NAME[name], rows) for word in each)]

    assert wrong == [], "docs/architecture.md, What runs"


def test_the_runbook_says_what_to_do_when_a_service_is_down():
    rows = _rows("docs/runbook.md", "## When a service is down")

    assert [spec.name for spec in SERVICES if not re.search(rf"[=`]{spec.name}`", " ".join(rows))] == [], (
        "docs/runbook.md"
    )


@pytest.mark.skipif(not COMPOSE.exists(), reason="docker-compose.yaml is not there yet")
def test_compose_has_every_service_with_its_port():
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    told = {name: {str(port).split(":")[-1] for port in _compose_ports(service)} for name, service in services.items()}

    assert [spec.name for spec in SERVICES if spec.name not in told] == []
    assert [spec.name for spec in SERVICES if spec.ports and str(spec.ports[0].number) not in told[spec.name]] == []


def _compose_ports(service: dict[str, Any]) -> list[Any]:
    published = [port["target"] if isinstance(port, dict) else port for port in service.get("ports", ())]
    return [*published, *service.get("expose", ())]


@pytest.mark.skipif(not KUBERNETES.exists(), reason="kubernetes/ is not there yet")
@pytest.mark.parametrize("spec", SERVICES, ids=lambda spec: spec.name)
def test_kubernetes_has_every_service_in_its_folder_with_its_port(spec):
    files = sorted((KUBERNETES / spec.kubernetes).glob("*.yaml"))
    objects = [each for path in files for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]
    own = {each["kind"]: each for each in objects if each.get("metadata", {}).get("name") == spec.name}

    assert own.keys() & {"Deployment", "StatefulSet"}, f"kubernetes/{spec.kubernetes}/ does not run {spec.name}"
    if spec.ports:
        assert spec.ports[0].number in [port["port"] for port in own["Service"]["spec"]["ports"]]
