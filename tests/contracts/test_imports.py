"""Imports point inward: entrypoints -> services and pipeline -> adapters, modeling, synthetic -> domain."""

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
PACKAGE = SRC / "readmission"
MODULES = sorted(PACKAGE.rglob("*.py"))

FOUNDATION = {"errors", "settings", "log", "http_contract"}
MAY_IMPORT = {
    "domain": {"domain", "errors"},
    "modeling": {"modeling", "domain", "errors"},
    "synthetic": {"synthetic", "domain", "errors"},
    "adapters": {"adapters", "domain", *FOUNDATION},
    "prediction": {"prediction", "adapters", "domain", *FOUNDATION},
    "serving": {"serving", "prediction", "adapters", "domain", *FOUNDATION},
    "data_api": {"data_api", "synthetic", "adapters", "domain", *FOUNDATION},
    "pipeline": {"pipeline", "modeling", "adapters", "domain", *FOUNDATION},
    "ui": {"ui", "adapters", "domain", *FOUNDATION},
    "tracking": {"tracking", *FOUNDATION},
    "local": {"local", "services", "adapters", "domain", *FOUNDATION},
    "errors": set(),
    "log": set(),
    "http_contract": {"errors"},
    "settings": {"settings", "domain", "errors"},
    "services": {"settings"},
}
# what a pure rule may stand on, beside the standard library
DOMAIN_LIBRARIES = {"numpy", "pandas", "readmission", *sys.stdlib_module_names}
ENTRYPOINTS = {"cli"}


def imported(source: str, module: str) -> set[str]:
    """Every module that a source imports, at any depth of the code, in absolute spelling."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = module.rsplit(".", node.level)[0] if node.level else ""
            parent = ".".join(part for part in (base, node.module) if part)
            names |= {parent, *(f"{parent}.{alias.name}" for alias in node.names)}
    return names


def import_graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """The modules of ``sources`` that each of them imports; a submodule's import is none of its package."""
    graph = {}
    for module, source in sources.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                members = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= {name if name in sources else str(node.module) for name in members}
        graph[module] = names & sources.keys()
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """The groups of modules that import each other, directly or by way of others."""
    reached = {module: _reached_from(module, graph) for module in graph}
    groups = ({other for other in reached[module] if module in reached[other]} for module in graph)
    return [set(group) for group in sorted({tuple(sorted(group)) for group in groups if group})]


def _reached_from(module: str, graph: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(graph[module])
    while ahead:
        if (each := ahead.pop()) not in found:
            found.add(each)
            ahead += graph.get(each, ())
    return found


def layer_of(name: str) -> str | None:
    """``adapters`` for ``readmission.adapters.registry``; None for a module that is not ours or is the package."""
    parts = name.split(".")
    return parts[1] if parts[0] == "readmission" and len(parts) > 1 else None


def violations(source: str, module: str) -> list[str]:
    """The imports of a module that point outward."""
    layer = layer_of(module)
    if layer is None or layer in ENTRYPOINTS:
        return []
    found = imported(source, module)
    ours = {name for name in found if layer_of(name) not in MAY_IMPORT[layer] | {None, "__version__"}}
    foreign = {name for name in found if layer == "domain" and name.split(".")[0] not in DOMAIN_LIBRARIES}
    return sorted(ours | foreign)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts)


def test_imports_point_inward():
    found = {_name(path): violations(path.read_text(encoding="utf-8"), _name(path)) for path in MODULES}

    assert {module: imports for module, imports in found.items() if imports} == {}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("domain.cohort", "import sqlalchemy.orm"),
        ("domain.cohort", "def f():\n    from minio import Minio"),
        ("domain.cohort", "from ..adapters import registry"),
        ("domain.cohort", "from readmission.settings import Settings"),
        ("domain.cohort", "from readmission import adapters"),
        ("domain.cohort", "import sklearn"),
        ("domain.cohort", "from readmission.modeling import evaluation"),
        ("modeling.evaluation", "from readmission.adapters import registry"),
        ("serving.app", "from readmission.modeling.candidates import CANDIDATE_NAMES"),
        ("adapters.registry", "import readmission.serving.app"),
        ("serving.app", "if True:\n    from readmission.pipeline import tasks"),
        ("errors", "import readmission.domain.schema"),
    ],
)
def test_an_import_that_points_outward_is_found(module, source):
    assert violations(source, f"readmission.{module}")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("serving.app", "from readmission.adapters.registry import ModelRegistry"),
        ("adapters.registry", "from . import object_store"),
        ("domain.cleaning", "import json, numpy.typing, pandas"),
        ("modeling.features", "import sklearn"),
        ("cli", "import readmission.serving.server"),
    ],
)
def test_an_import_that_points_inward_is_none_of_them(module, source):
    assert violations(source, f"readmission.{module}") == []


def test_every_layer_is_known():
    layers = {layer_of(_name(path)) for path in MODULES} - {None, "__init__", *ENTRYPOINTS}

    assert layers <= set(MAY_IMPORT)


def test_no_modules_import_each_other_in_a_circle():
    sources = {_name(path).removesuffix(".__init__"): path.read_text(encoding="utf-8") for path in MODULES}

    assert circles(import_graph(sources)) == []


def test_an_import_inside_a_function_closes_a_circle_too():
    sources = {"p.a": "from p.b import x", "p.b": "def f():\n    from p import a", "p": "import p.a"}

    assert circles(import_graph(sources)) == [{"p.a", "p.b"}]


def test_a_circle_is_found_however_long_it_is():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"e"}, "f": set()}

    assert circles(graph) == [{"a", "b", "c"}, {"e"}]
