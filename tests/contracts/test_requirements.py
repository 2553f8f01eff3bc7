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
@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_export_is_what_the_lock_says(path, tmp_path):
    shown = path.read_text(encoding="utf-8")
    command = COMMAND.search(shown)
    assert command, "an export begins with the command that made it"
    again = tmp_path / path.name
    arguments = [word for word in command[1].split()[2:] if word not in OUTPUT and not word.endswith(".txt")]

    subprocess.run(
        [UV, "export", *arguments, "--frozen", "-o", str(again)], cwd=ROOT, check=True, capture_output=True, text=True
    )

    assert _pins(again.read_text(encoding="utf-8")) == _pins(shown)


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
