"""What the documents point at exists: files, headings, make targets."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
MAKE = re.compile(r"^\s*(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]*)|`(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]*)", re.MULTILINE)
TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)(.*)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def _anchors(path: Path) -> set[str]:
    prose = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)}


def _broken_links(path: Path) -> list[str]:
    broken = []
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            broken.append(link)
    return broken


def test_a_relative_link_leads_somewhere():
    broken = {_name(path): _broken_links(path) for path in DOCUMENTS}

    assert {name: links for name, links in broken.items() if links} == {}


@pytest.fixture(scope="module")
def make_targets() -> dict[str, str]:
    return dict(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))


def test_a_make_command_in_a_document_is_a_target(make_targets):
    unknown = {_name(path): _make_commands(path) - make_targets.keys() for path in DOCUMENTS}

    assert {name: commands for name, commands in unknown.items() if commands} == {}


def _make_commands(path: Path) -> set[str]:
    return {first or second for first, second in MAKE.findall(path.read_text(encoding="utf-8"))}


def test_make_help_tells_every_target(make_targets):
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert [name for name in make_targets if name not in told] == []


def test_a_decision_record_has_context_decision_and_consequences():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [path.name for path in records if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)] == []
    assert [path.name for path in records if not {"context", "decision", "consequences"} <= _anchors(path)] == []


def test_both_readmes_have_the_same_commands():
    english, spanish = (
        [line for block in FENCE.findall((ROOT / name).read_text(encoding="utf-8")) for line in block.splitlines()]
        for name in ("README.md", "README.es.md")
    )

    assert _commands(english) == _commands(spanish)


def _commands(lines: list[str]) -> list[str]:
    return [line.split("#")[0].strip() for line in lines if line.startswith(("make ", "curl ", "git ", "uv ", "cd "))]
