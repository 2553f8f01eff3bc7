"""The traps of this layout: folders named as installed packages, files that shadow the standard library."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = [
    Path(name)
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    if (ROOT / name).is_file()
]
# each is put on the import path by the program that runs it, or bears a package's name
TOP_FOLDERS = ("fastapi", "streamlit", "locust", "kubernetes", "ec2_api", "dags", "bench", "tests")
INSTALLED = {"fastapi", "streamlit", "locust", "kubernetes", "flask", "airflow", "mlflow", "readmission", "pytest"}
IN_TOP_FOLDERS = [path for path in TRACKED if path.parts[0] in TOP_FOLDERS and path.suffix == ".py"]


def test_a_top_level_folder_is_no_package():
    assert [path for path in IN_TOP_FOLDERS if path.name == "__init__.py"] == []


def test_no_file_shadows_a_library():
    assert [path for path in IN_TOP_FOLDERS if path.stem in INSTALLED | sys.stdlib_module_names] == []


@pytest.mark.parametrize("package", ["fastapi", "streamlit"])
def test_from_the_repository_root_the_installed_package_is_imported(package):
    code = f"import {package}; print({package}.__file__)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "site-packages" in done.stdout


def test_an_entrypoint_only_wires():
    code = {path: (ROOT / path).read_text(encoding="utf-8") for path in TRACKED if path.name == "main.py"}

    assert [path for path, text in code.items() if "def " in text] == []
    assert [path for path, text in code.items() if len(text.splitlines()) >= 15] == []


def test_no_data_is_in_the_repository():
    data = {".csv", ".gz", ".zip", ".parquet", ".onnx", ".pkl", ".skops", ".db", ".sqlite"}

    assert [path for path in TRACKED if path.suffix in data] == []


def test_nothing_tells_of_the_machine_that_it_was_written_on():
    # spelled in parts, since this file is searched, too
    traces = ("/work" + "/main", "/work" + "/shared", "../" + "shared", "/root" + "/", "/home" + "/")
    text = {".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".svg", ".json", ".txt", ".cfg", ".ini", ".lock", ""}
    told = [
        f"{path}: {trace}"
        for path in TRACKED
        if path.suffix in text
        for trace in traces
        if trace in (ROOT / path).read_text(encoding="utf-8", errors="replace")
    ]

    assert told == []


def test_a_task_of_the_pipeline_has_a_test_of_its_name():
    wires = {"__init__", "references", "tasks", "wiring"}
    tasks = {path.stem for path in (ROOT / "src/readmission/pipeline").glob("*.py")} - wires
    tests = {path.name for path in TRACKED if path.parts[0] == "tests"}

    assert [task for task in sorted(tasks) if f"test_{task}.py" not in tests] == []


def test_no_module_has_a_name_that_says_nothing():
    assert [path for path in TRACKED if path.name in ("utils.py", "helpers.py", "common.py", "misc.py")] == []
