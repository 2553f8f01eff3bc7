"""Public functions and classes of the domain say what their signature cannot."""

import ast
from pathlib import Path

DOMAIN = Path(__file__).parents[2] / "src" / "readmission" / "domain"
MODULES = sorted(DOMAIN.glob("*.py"))


def _undocumented(tree: ast.Module) -> list[str]:
    public = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    return [node.name for node in public if not ast.get_docstring(node)]


def test_a_module_of_the_domain_and_all_that_is_public_in_it_has_a_docstring():
    trees = {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}

    assert [name for name, tree in trees.items() if not ast.get_docstring(tree)] == []
    assert [f"{name}: {found}" for name, tree in trees.items() for found in _undocumented(tree)] == []
