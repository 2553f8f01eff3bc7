"""Imports point inward: entrypoints -> services and pipeline -> adapters, modeling, synthetic -> domain."""

import ast
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
PACKAGE = SRC / "readmission"
MODULES = sorted(PACKAGE.rglob("*.py"))

FOUNDATION = {"errors", "settings", "log"}
MAY_IMPORT = {
    "domain": {"domain", "errors"},
    "modeling": {"modeling", "domain", "errors"},
    "synthetic": {"synthetic", "domain", "errors"},
    "adapters": {"adapters", "domain", *FOUNDATION},
    "serving": {"serving", "adapters", "domain", *FOUNDATION},
    "data_api": {"data_api", "synthetic", "adapters", "domain", *FOUNDATION},
    "pipeline": {"pipeline", "modeling", "adapters", "domain", *FOUNDATION},
    "ui": {"ui", "adapters", "domain", *FOUNDATION},
    "local": {"local", "services", "adapters", "domain", *FOUNDATION},
    "errors": set(),
    "log": set(),
    "settings": {"settings", "errors"},
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
