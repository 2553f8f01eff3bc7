"""Tests use what is public: a private name of another object says how it works, not what it does."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]
# what has no public way: moto's states in between, and its CloudFormation without EventBridge; the dead child's exit
THIRD_PARTY = {"_state", "_parameters", "_parse_template", "_create_output_map", "_exit", "_pylab_helpers"}
OWN = {"self", "cls"}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in THIRD_PARTY


def private_uses(source: str) -> list[str]:
    """The private names that a source takes from elsewhere, as an attribute, by import or through ``setattr``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id in OWN):
            found.append(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found += [part for alias in node.names for part in (*str(node.module).split("."), alias.name)]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")).endswith("attr"):
            names = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
            found += [part for name in names for part in str(name).split(".")]
    return [name for name in found if _is_private(name)]


def test_no_test_uses_a_private_name():
    uses = {
        str(path.relative_to(TESTS)): private_uses(path.read_text(encoding="utf-8")) for path in TESTS.rglob("*.py")
    }

    assert {path: names for path, names in uses.items() if names} == {}


def test_a_private_name_is_found_however_it_is_taken():
    sources = [
        "database._read(work)",
        "from readmission.local.programs import _POLICY",
        "from matplotlib._internals import Gcf",
        'monkeypatch.setattr(programs, "_POLICY", path)',
        'monkeypatch.setattr("readmission.local.programs._POLICY", path)',
        'getattr(registry, "_client")',
    ]

    assert [source for source in sources if not private_uses(source)] == []


def test_own_and_special_names_are_none():
    assert private_uses("self._numbers = 1\ncls._made = 2\nmodule.__file__\n_mine = 3\n_mine()") == []
