"""The Open Inference Protocol with a client that we did not write: ``tritonclient``, at its newest version.

It needs another protobuf than ours, so it lives in an environment of its own.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from open_inference.grpc.protocol import ServerLiveRequest
from open_inference.grpc.service import GRPCInferenceServiceStub

from readmission.domain.example import EXAMPLE
from readmission.domain.schema import COLUMN, FEATURE_NAMES, INTEGER_KINDS

CLIENT = Path(__file__).with_name("ask_with_triton.py")
REPOSITORY = Path(__file__).parents[3]
ENCOUNTERS = [
    EXAMPLE | {"number_inpatient": stays, "race": race} for stays, race in ((0, "Asian"), (3, ""), (1, "Other"))
]


@pytest.fixture(scope="session")
def triton(tmp_path_factory):
    """The Python of an environment with ``tritonclient``."""
    environment = tmp_path_factory.mktemp("triton") / "venv"
    uv = shutil.which("uv") or REPOSITORY / ".uv" / "bin" / "uv"
    python = environment / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python, "tritonclient[http,grpc]"]
    done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"tritonclient cannot be installed, PyPI is not reachable: {done.stderr[-200:]}")
    return python


def ask(python, server, models, encounters, key=""):
    asked = {
        "http": f"127.0.0.1:{server.port}",
        "grpc": f"127.0.0.1:{server.port + 1}",
        "models": models,
        "encounters": encounters,
        "numbers": [name for name in FEATURE_NAMES if COLUMN[name].kind in INTEGER_KINDS],
        "key": key,
    }
    done = subprocess.run(
        [python, CLIENT], input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_the_same_patient_has_the_same_number_on_every_transport_and_each_horizon(
    triton, server, registered, registered_30d
):
    models = [model.registry.model_name for model in (registered, registered_30d)]
    known = [{name: value for name, value in row.items() if value != ""} for row in ENCOUNTERS]
    predicted = [server.predict(encounter).document["risks"] for encounter in known]

    answers = ask(triton, server, models, ENCOUNTERS)

    for position, model in enumerate(models):
        for transport in ("JSON", "binary", "gRPC"):
            answer = answers[f"{transport} {model}"]
            assert answer["probability"] == [risks[position]["probability"] for risks in predicted]
            assert answer["prediction"] == [risks[position]["prediction"] for risks in predicted]
            assert len(set(answer["prediction_id"])) == len(ENCOUNTERS)
            assert "is required" in answer["refusal"]


def test_the_client_sends_its_key_on_both_transports(triton, serve, published):
    name = published.registry.model_name

    with serve(api_keys="secret") as server:
        answers = ask(triton, server, [name], ENCOUNTERS, key="secret")

    assert set(answers) == {f"JSON {name}", f"binary {name}", f"gRPC {name}"}


def test_every_worker_listens_on_the_port_of_grpc(server):
    found = set()
    for _ in range(40):
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{server.port + 1}", options) as channel:
            GRPCInferenceServiceStub(channel).ServerLive(ServerLiveRequest())
            found |= {worker.pid for worker in server.workers() if connected(worker, server.port + 1)}

    assert found == {worker.pid for worker in server.workers()}


def connected(worker, port):
    return any(one.laddr.port == port and one.status == "ESTABLISHED" for one in worker.net_connections("tcp"))
