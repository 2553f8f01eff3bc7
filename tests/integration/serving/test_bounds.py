"""What the server does when something beside it fails: MLflow hangs, its log's reader is gone, a worker hangs."""

import http.client
import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from readmission.domain.example import EXAMPLE
from readmission.domain.horizon import HORIZONS

JSON = {"Content-Type": "application/json"}
# between the start of an ordinary server and of one whose registry says nothing, on a busy machine
MARGIN_SECONDS = 4.0


@pytest.fixture
def mute_registry() -> Iterator[str]:
    """The address of a server that accepts connections and says nothing, as a stopped MLflow does."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def known_models(server, tmp_path):
    """The cached models of a server that had its registry, in the folder of this test's own server."""
    shutil.copytree(server.serving_dir / "models", tmp_path / "serving" / "models")
    return tmp_path / "serving" / "models"


def models_of(server) -> dict[str, tuple[int, bool | None]]:
    """Whether a horizon has a model, and whether that is stale."""
    answers = {horizon: server.call("GET", f"/model-info?horizon={horizon}") for horizon in HORIZONS}
    return {horizon: (answer.status, answer.document.get("stale")) for horizon, answer in answers.items()}


def longest_answer(server, seconds: float) -> float:
    """The longest of the answers to a row of predictions, all of which must succeed, in seconds."""
    until, longest = time.monotonic() + seconds, 0.0
    while (started := time.monotonic()) < until:
        assert server.predict(EXAMPLE).status == 200
        longest = max(longest, time.monotonic() - started)
        time.sleep(0.02)
    return longest


def test_with_a_registry_that_says_nothing_a_server_is_ready_at_once_and_no_request_waits(
    serve, known_models, mute_registry
):
    """One of the two models on the disk is damaged; the registry hangs at the start and at every poll."""
    started = time.monotonic()
    with serve():
        ordinary = time.monotonic() - started
    for path in known_models.glob("*_30d/*.onnx"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    hanging = {"mlflow_tracking_uri": mute_registry, "mlflow_http_request_max_retries": 2, "model_poll_seconds": 0.2}
    started = time.monotonic()

    with serve(**hanging) as restarted:
        seconds = time.monotonic() - started

        assert seconds < ordinary + MARGIN_SECONDS
        assert models_of(restarted) == {"any": (200, True), "within_30_days": (503, None)}
        assert longest_answer(restarted, 3) < 1


@pytest.mark.usefixtures("known_models")
def test_with_a_log_that_nobody_reads_every_refusal_is_a_problem_document_and_the_loss_is_counted(serve, published):
    reading, writing = os.pipe()
    with serve(stderr=writing, inference_database_url="mysql+mysqlconnector://x:y@127.0.0.1:9/none") as server:
        os.close(reading)
        os.close(writing)

        codes = [server.predict(EXAMPLE).status for _ in range(5)]
        outcome = server.call("POST", "/outcomes", {"prediction_id": "x", "days_until_readmission": 0}, JSON)
        # the worker logs that it loads another version
        published.registry.promote(published.versions[1])
        reload = server.call("POST", "/reload-model", headers={"X-API-Key": "admin-key"})

        assert set(codes) == {200}
        assert outcome.document["status"] == outcome.status == 503
        assert reload.status == 200
        assert sum(server.samples("readmission_log_handler_failures_total").values()) > 0


def test_no_answer_leads_to_another_host(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/predict/", json.dumps(EXAMPLE), JSON | {"Host": "evil.example"})
    answer = connection.getresponse()

    assert answer.status == 404
    assert "evil.example" not in str(answer.headers) + answer.read().decode()
    connection.close()


@pytest.mark.parametrize("path", ["/predict", "/predict_batch", "/explain", "/outcomes"])
def test_no_cache_may_store_an_answer_about_a_patient(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", path, json.dumps([EXAMPLE] if path == "/predict_batch" else EXAMPLE), JSON)

    assert connection.getresponse().headers["Cache-Control"] == "no-store"
    connection.close()


def test_a_hung_worker_is_replaced_within_20_seconds(server, eventually):
    victim = server.workers()[0]

    victim.send_signal(signal.SIGSTOP)

    eventually(
        lambda: not victim.is_running() and len(server.workers()) == 2, "the hung worker is replaced", server.log, 20
    )


def test_a_killed_worker_loses_at_most_the_requests_in_its_hands(server, eventually):
    """Each caller has one request at a time, so at most those of the callers are in the worker's hands."""
    callers, lost, answered, done = 4, [], [], threading.Event()

    def call() -> None:
        while not done.is_set():
            try:
                answered.append(server.predict(EXAMPLE).status)
            except (OSError, http.client.HTTPException):
                lost.append(1)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    victim = server.workers()[0]
    time.sleep(0.5)

    victim.kill()

    eventually(lambda: not victim.is_running() and len(server.workers()) == 2, "it is replaced", server.log, 20)
    done.set()
    for thread in threads:
        thread.join()
    assert len(lost) <= callers
    assert set(answered) == {200}
