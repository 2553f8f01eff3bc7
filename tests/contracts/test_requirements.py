"""requirements*.txt are exports of uv.lock, never written by hand."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPORTS = sorted(path for path in ROOT.rglob("requirements*.txt") if not {".venv", ".uv", "var"} & set(path.parts))
COMMAND = re.compile(r"^#\s+(uv export .+)$", re.MULTILINE)
OUTPUT = {"-o", "--output-file", "--frozen", "--locked", "--quiet", "-q"}
UV = shutil.which("uv") or next((str(path) for path in ROOT.glob(".uv/bin/uv")), None)


def test_there_are_exports():
    assert [path.name for path in EXPORTS] != []


@pytest.mark.skipif(UV is None, reason="uv is not installed")
def test_an_export_is_what_the_lock_says():
    shown = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in EXPORTS}

    assert [name for name, text in shown.items() if not COMMAND.search(text)] == []
    assert [name for name, text in shown.items() if _pins(_exported_again(text)) != _pins(text)] == []


def _exported_again(text: str) -> str:
    """What the command prints now that stands at the head of an export."""
    words = COMMAND.search(text)[1].split()[2:]
    arguments = [word for word in words if word not in OUTPUT and not word.endswith(".txt")]
    command = [UV, "export", *arguments, "--frozen", "--quiet"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _pins(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]


@pytest.mark.skipif(UV is None, reason="uv is not installed")
def test_the_lock_belongs_to_the_project_file():
    done = subprocess.run([UV, "lock", "--check", "--offline"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_every_extra_is_in_the_environment_of_a_developer():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    reached, ahead = set(), {"dev"}
    while ahead:
        extra = ahead.pop()
        reached.add(extra)
        for line in extras[extra]:
            if line.startswith("readmission["):
                ahead |= set(line[len("readmission[") : line.index("]")].split(",")) - reached

    assert reached == set(extras)
