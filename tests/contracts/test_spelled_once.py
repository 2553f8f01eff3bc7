"""Header names, media types and data sources stand once in the code; everybody else imports them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from readmission import http_contract
from readmission.domain import data_source
from readmission.domain.data_source import DataSource

SRC = Path(__file__).parents[2] / "src"
HOMES = {Path(str(module.__file__)) for module in (http_contract, data_source)}
# names that no ordinary word contains: found inside a longer text, too
NAMES = (
    http_contract.API_KEY_HEADER,
    http_contract.CHALLENGE_HEADER,
    http_contract.JSON,
    http_contract.CSV,
    http_contract.PARQUET,
    http_contract.PROBLEM,
)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Line and value of every text in the code, parts of f-strings too; docstrings and comments are none."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _has_doc(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def _has_doc(node) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def spelled_again(source: str) -> list[int]:
    """The lines that spell a name of the HTTP contract, or a data source, by themselves."""
    return [
        line
        for line, text in texts(source)
        if text in get_args(DataSource) or any(name.lower() in text.lower() for name in NAMES)
    ]


def test_no_module_spells_a_header_a_media_type_or_a_data_source_again():
    modules = sorted(set(SRC.rglob("*.py")) - HOMES)

    found = {str(path.relative_to(SRC)): spelled_again(path.read_text(encoding="utf-8")) for path in modules}

    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_second_spelling_is_found_wherever_it_stands():
    source = "\n".join(
        [
            '"""Answers application/json; X-API-Key."""',
            'HEADER = "x-api-key"',
            'problem = f"ApiKey header=\\"X-API-Key\\" {HEADER}"',
            'kinds = {"Content-Type": "text/csv; charset=utf-8"}',
            'is_synthetic = source == "synthetic"',
            'text = "trained on synthetic encounters"  # application/json',
        ]
    )

    assert spelled_again(source) == [2, 3, 4, 5]
