"""Public functions and classes of the domain say what their signature cannot."""

import ast
from pathlib import Path

import pytest

DOMAIN = Path(__file__).parents[2] / "src" / "readmission" / "domain"
MODULES = sorted(DOMAIN.glob("*.py"))


def _undocumented(tree: ast.Module) -> list[str]:
    public = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    return [node.name for node in public if not ast.get_docstring(node)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_of_the_domain_and_all_that_is_public_in_it_has_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert ast.get_docstring(tree)
    assert _undocumented(tree) == []
