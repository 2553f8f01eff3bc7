"""Schemathesis against a real server: every answer is one that the OpenAPI document describes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
KEY = "client-and-admin-key"
CASES = 2000
# examples and coverage cases come on top: about 2,100 cases in all
PER_OPERATION = 40


@pytest.mark.usefixtures("published", "published_30d")
def test_schemathesis_finds_nothing(serve, tmp_path):
    database = f"sqlite:///{tmp_path}/inference.db"

    # few rows: the case of one row too many has a short body then
    settings = {"inference_database_url": database, "max_batch_rows": 20, "patient_reference_key": "secret"}
    with serve(api_keys=KEY, admin_api_key=KEY, **settings) as server:
        finished = run_schemathesis(f"{server.url}/openapi.json", tmp_path / "report.json")

    assert finished.returncode == 0, finished.stdout[-20_000:]
    assert json.loads((tmp_path / "report.json").read_text())["test_cases"]["generated"] >= CASES


def run_schemathesis(url: str, report: Path) -> subprocess.CompletedProcess[str]:
    """All checks and all phases, the same cases in every run."""
    program = Path(sys.executable).with_name("schemathesis")
    options = {
        "--header": f"X-API-Key: {KEY}",
        "--checks": "all",
        "--workers": "1",
        "--max-examples": str(PER_OPERATION),
        "--report-json-path": str(report),
    }
    flags = ["--generation-deterministic", "--continue-on-failure", "--no-color"]
    command = [
        program,
        "--config-file",
        str(FOLDER / "schemathesis.toml"),
        "run",
        url,
        *flags,
        *(w for o in options.items() for w in o),
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(FOLDER)}
    # it leaves a cache in the folder that it runs in
    return subprocess.run(
        command, cwd=report.parent, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
