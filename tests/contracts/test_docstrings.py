"""Public functions and classes say what their signature cannot: all of the domain, nine of ten elsewhere."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "readmission"
DOMAIN = PACKAGE / "domain"
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


def _public(body: list[ast.stmt], prefix: str) -> dict[str, str | None]:
    """The docstrings of the public functions, classes and methods, by their dotted names."""
    found = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            found[f"{prefix}.{node.name}"] = ast.get_docstring(node)
            if isinstance(node, ast.ClassDef):
                found |= _public(node.body, f"{prefix}.{node.name}")
    return found


def test_nine_of_ten_public_functions_classes_and_methods_have_a_docstring():
    docstrings: dict[str, str | None] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        docstrings |= _public(ast.parse(path.read_text(encoding="utf-8")).body, module)

    missing = [name for name, docstring in docstrings.items() if not docstring]

    assert len(missing) <= len(docstrings) / 10, f"{len(missing)} of {len(docstrings)} have none: {missing}"
