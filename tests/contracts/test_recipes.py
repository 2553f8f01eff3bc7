"""A new candidate, route or DAG task has its few places (CONTRIBUTING.md); a test names the one that was forgotten."""

import ast
import re
import sys
import tomllib
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import packages_distributions
from inspect import Parameter, signature
from pathlib import Path

import pytest
import skops.io
from fastapi.routing import APIRoute
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

from readmission.domain.model_file import ModelFileMetadata
from readmission.modeling.candidate import Candidate
from readmission.modeling.candidates import CANDIDATE_NAMES, load
from readmission.modeling.export import export
from readmission.modeling.fit import fit
from readmission.pipeline.wiring import COLLABORATORS
from readmission.serving.app import create_app
from readmission.settings import InferenceSettings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "readmission"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
API_README = ROOT / "fastapi" / "README.md"
DAG_FILE = ROOT / "dags" / "orquestador.py"


def section(document: Path, heading: str) -> str:
    """The text between a second-level heading and the next one."""
    return document.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


# A candidate: its module, the list in docs/architecture.md, and pyproject.toml for a library that is new.


def place(name: str) -> str:
    return f"src/readmission/modeling/candidates/{name}.py"


@pytest.fixture(scope="module")
def fitted(split_cohort):
    """Each candidate's pipeline, trained on a few encounters."""
    return {name: fit(name, split_cohort(600, 3), "any", seed=0) for name in CANDIDATE_NAMES}


def test_a_module_of_the_candidates_declares_one():
    modules = {name: import_module(f"readmission.modeling.candidates.{name}") for name in CANDIDATE_NAMES}

    forgotten = [
        f"{place(name)} has no CANDIDATE"
        for name, module in modules.items()
        if not isinstance(getattr(module, "CANDIDATE", None), Candidate)
    ]

    assert forgotten == [], "\n".join(forgotten)


def test_a_candidate_declares_exactly_the_types_that_it_is_made_of(fitted, tmp_path):
    forgotten = []
    for name, pipeline in fitted.items():
        skops.io.dump(pipeline, tmp_path / name)
        found, declared = set(skops.io.get_untrusted_types(file=tmp_path / name)), set(load(name).trusted_types)
        forgotten += [f"trusted_types in {place(name)} lacks {type_}" for type_ in sorted(found - declared)]
        forgotten += [f"trusted_types in {place(name)} has {type_} for nothing" for type_ in sorted(declared - found)]

    assert forgotten == [], "\n".join(forgotten)


def test_a_candidate_can_be_exported(fitted):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    metadata = ModelFileMetadata("any", 0.5, 0.4, 0.6, "synthetic", "any name", True, "0" * 64, moment)
    forgotten = []
    for name, pipeline in fitted.items():
        try:
            export(pipeline, metadata)
        except (MissingConverter, MissingShapeCalculator) as error:
            forgotten.append(f"converters in {place(name)} lacks one: {str(error).splitlines()[0]}")

    assert forgotten == [], "\n".join(forgotten)


def test_a_candidate_requires_the_distributions_of_its_types():
    distributions = packages_distributions()
    forgotten = []
    for name in CANDIDATE_NAMES:
        packages = {type_.split(".")[0] for type_ in load(name).trusted_types}
        needed = {distributions[package][0] for package in packages - {"readmission", *sys.stdlib_module_names}}
        forgotten += [
            f"requirements in {place(name)} lacks {one}" for one in sorted(needed - set(load(name).requirements))
        ]

    assert forgotten == [], "\n".join(forgotten)


def test_the_pipeline_installs_what_a_candidate_requires():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["pipeline"]]
    installed = {re.split(r"[<>=~! \[]", line)[0] for line in lines}

    forgotten = [
        f"the extra pipeline in pyproject.toml lacks {requirement}, which {place(name)} requires"
        for name in CANDIDATE_NAMES
        for requirement in load(name).requirements
        if requirement not in installed
    ]

    assert forgotten == [], "\n".join(forgotten)


def test_the_architecture_names_every_candidate():
    named = section(ARCHITECTURE, "Candidates and what is measured")

    forgotten = [
        f"docs/architecture.md, Candidates and what is measured, lacks {name}"
        for name in CANDIDATE_NAMES
        if f"`{name}`" not in named
    ]

    assert forgotten == [], "\n".join(forgotten)


# A route of the inference API: its module, its router in serving/app.py, its row in fastapi/README.md.


def routers() -> dict[str, str]:
    """The function that makes each router, by the module that has it."""
    return {
        node.name: path.name
        for path in sorted((PACKAGE / "serving").glob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_router")
    }


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    return create_app(InferenceSettings(serving_dir=tmp_path_factory.mktemp("serving"), inference_database_url=None))


def test_the_application_has_every_router():
    code = ast.parse((PACKAGE / "serving" / "app.py").read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(code) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}

    forgotten = [
        f"src/readmission/serving/app.py does not include {name} of src/readmission/serving/{module}"
        for name, module in routers().items()
        if name not in called
    ]

    assert forgotten == [], "\n".join(forgotten)


def test_the_table_of_routes_is_that_of_the_application(api):
    table = set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^ `]*)`", section(API_README, "Routes")))
    served = {f"{method.upper()} {path}" for path, methods in api.openapi()["paths"].items() for method in methods}
    # the document itself and its pages
    served |= {"GET /docs", "GET /redoc", "GET /openapi.json"}

    forgotten = [f"fastapi/README.md, Routes, lacks {route}" for route in sorted(served - table)]
    forgotten += [f"fastapi/README.md, Routes, has {route}, which is not served" for route in sorted(table - served)]

    assert forgotten == [], "\n".join(forgotten)


def test_a_route_documents_its_answer(api):
    # name and links, the two probes, and Prometheus' text
    without_model = {"/", "/health", "/ready", "/metrics"}
    documented = [route for route in api.routes if isinstance(route, APIRoute) and route.include_in_schema]
    routes = [route for route in documented if route.path not in without_model]

    forgotten = [
        f"src/readmission/serving/{route.endpoint.__module__.split('.')[-1]}.py: {route.path} has no response model"
        for route in routes
        if route.status_code != 204 and "model" not in route.responses.get(200, {})
    ]

    assert forgotten == [], "\n".join(forgotten)


# A DAG task: its module, its line and its row in dags/orquestador.py, its row in docs/architecture.md.

# modules of pipeline/ that are no task
NO_TASKS = {"__init__", "references", "tasks", "wiring", "roll_back", "gate_evidence", "run_note", "signing"}


def task_modules() -> list[str]:
    return sorted({path.stem for path in (PACKAGE / "pipeline").glob("*.py")} - NO_TASKS)


def task_of(call: ast.expr) -> str | None:
    """``name`` of ``step("name", ...)`` and of every call on what it gives, like ``step("name").partial(...)``."""
    while isinstance(call, ast.Call):
        if isinstance(call.func, ast.Name):
            return str(ast.literal_eval(call.args[0])) if call.func.id in {"step", "airflow_task"} else None
        call = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    return None


def tasks_of_the_dag() -> dict[str, tuple[int, set[str]]]:
    """By task: how many references it gets by position, and the names of those that it gets by name."""
    found: dict[str, tuple[int, set[str]]] = {}
    for call in ast.walk(ast.parse(DAG_FILE.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and (name := task_of(call)):
            count, names = found.setdefault(name, (0, set()))
            if not isinstance(call.func, ast.Name):
                found[name] = count + len(call.args), names | {str(keyword.arg) for keyword in call.keywords}
    return found


def test_every_task_has_a_module_and_a_line_in_the_dag():
    modules, called = set(task_modules()), set(tasks_of_the_dag())

    forgotten = [f"dags/orquestador.py does not run src/readmission/pipeline/{name}.py" for name in modules - called]
    forgotten += [f"src/readmission/pipeline/{name}.py is missing" for name in called - modules]

    assert forgotten == [], "\n".join(forgotten)


def test_every_task_has_a_row_in_the_runbook_and_in_the_architecture():
    runbook = ast.get_docstring(ast.parse(DAG_FILE.read_text(encoding="utf-8"))) or ""
    tables = {
        "the docstring of dags/orquestador.py": runbook,
        "docs/architecture.md, One pipeline run,": section(ARCHITECTURE, "One pipeline run"),
    }

    forgotten = [
        f"{where} has no row for {name}"
        for where, text in tables.items()
        for name in task_modules()
        if not re.search(rf"^\| \d+ \| `{name}`", text, re.MULTILINE)
    ]

    assert forgotten == [], "\n".join(forgotten)


def test_a_module_of_a_task_has_its_function():
    modules = {name: import_module(f"readmission.pipeline.{name}") for name in task_modules()}

    forgotten = [
        f"src/readmission/pipeline/{name}.py has no function {name}"
        for name, module in modules.items()
        if not hasattr(module, name)
    ]

    assert forgotten == [], "\n".join(forgotten)


def test_a_task_gets_everything_that_it_asks_for():
    forgotten = []
    for name, (count, names) in tasks_of_the_dag().items():
        parameters = signature(getattr(import_module(f"readmission.pipeline.{name}"), name)).parameters
        places = [one.name for one in parameters.values() if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
        given = {*places[:count], *names}
        asked = {one.name for one in parameters.values() if one.default is Parameter.empty}
        forgotten += [
            f"{name} asks for {one}: dags/orquestador.py does not give it, nor does COLLABORATORS in pipeline/wiring.py"
            for one in sorted(asked - given - COLLABORATORS.keys())
        ]
        if count > len(places):
            forgotten.append(f"dags/orquestador.py gives {count} references to {name}, which takes {len(places)}")
        forgotten += [f"{name} does not ask for {one}, which dags/orquestador.py gives" for one in names - asked]

    assert forgotten == [], "\n".join(forgotten)
