"""The inference server as it is deployed: a supervisor, its workers, a real registry, real databases."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from datetime import UTC, datetime

import numpy as np
import psutil
import pytest
from pydantic import SecretStr

from readmission.adapters.inference_api import InferenceApi
from readmission.adapters.onnx_model import OnnxModel
from readmission.domain.encoding import encode
from readmission.domain.example import EXAMPLE
from readmission.domain.horizon import HORIZONS
from readmission.errors import InvalidInput, InvalidModel, NotFound, Unauthorized

NOBODY = "http://127.0.0.1:9"
ADMIN_KEY = SecretStr("admin-key")
ADMIN = {"X-API-Key": ADMIN_KEY.get_secret_value()}
JSON = {"Content-Type": "application/json"}
# RELOADS=100 for the whole drill
FLIPS = int(os.environ.get("RELOADS", "12"))
CALLERS = 4
BATCH = 50
PRIMARY = 'horizon="any"'


def api(server) -> InferenceApi:
    return InferenceApi(server.url, admin_api_key=ADMIN_KEY)


def probability_of(model_file: bytes) -> float:
    return float(OnnxModel.from_bytes(model_file).predict_probability(encode([EXAMPLE]))[0])


def head_of(path: str, length: int) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode()


def test_the_client_gets_what_the_models_in_production_say(server, published, published_30d):
    with api(server) as client:
        prediction = client.predict(EXAMPLE)
        batch = client.predict_batch([EXAMPLE, {"age": "x"}])
        model = client.model_info()
        assert client.health()
        assert client.ready()

    assert prediction["probability"] == pytest.approx(probability_of(published.files[0]), abs=1e-6)
    assert [risk["probability"] for risk in prediction["risks"]] == pytest.approx(
        [probability_of(horizon.files[0]) for horizon in (published, published_30d)], abs=1e-6
    )
    assert prediction["model_version"] == model["version"] == published.versions[0].version
    assert batch["predictions"][0]["probability"] == prediction["probability"]
    assert batch["refused"] == 1
    assert (model["digest"], model["stale"]) == (published.versions[0].onnx_digest, False)
    assert model["metrics"] == {"test_roc_auc": 0.66}


def test_the_client_tells_refusals_apart(server):
    with InferenceApi(server.url) as client:
        with pytest.raises(InvalidInput) as refused:
            client.predict(EXAMPLE | {"age": "x"})
        with pytest.raises(Unauthorized):
            client.reload_model()

    assert refused.value.fields == ("age",)


def test_a_reload_reaches_all_workers(server, published, eventually):
    old, new = (version.version for version in published.versions)
    published.registry.promote(published.versions[1])

    answer = api(server).reload_model()

    assert (answer["previous_version"], answer["model_version"]) == (old, new)
    eventually(lambda: server.versions() == {new}, "all workers serve the new version", server.log)


def test_a_reload_of_one_horizon_leaves_the_other_alone(server, published, published_30d, eventually):
    for model in (published, published_30d):
        model.registry.promote(model.versions[1])

    answer = server.call("POST", "/reload-model?horizon=within_30_days", headers=ADMIN)

    old, new = (version.version for version in published_30d.versions)
    assert (answer.document["previous_version"], answer.document["model_version"]) == (old, new)
    eventually(lambda: server.versions("within_30_days") == {new}, "all workers serve the new version", server.log)
    assert server.versions("any") == {published.versions[0].version}


def call_until(done: threading.Event, server, path: str, document: object, answers: list) -> None:
    """Send the same request over one connection again and again, and keep status and document of each answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    while not done.is_set():
        connection.request("POST", path, json.dumps(document), JSON)
        answer = connection.getresponse()
        answers.append((answer.status, json.loads(answer.read())))
    connection.close()


def told_by(batch: dict) -> list[tuple[str, str, float]]:
    """Horizon, version and probability of each risk of each row; the version stands once, at the top."""
    versions = [(risk["horizon"], risk["model_version"]) for risk in batch["risks"]]
    rows = [zip(versions, row["risks"], strict=True) for row in batch["predictions"]]
    return [(*named, risk["probability"]) for row in rows for named, risk in row]


def test_reloads_under_load_fail_no_request_and_mix_no_models(server, published, published_30d):
    models = {"any": published, "within_30_days": published_30d}
    done, answers, batches = threading.Event(), [], []
    loads = [("/predict", EXAMPLE, answers), ("/predict_batch", [EXAMPLE] * BATCH, batches)] * (CALLERS // 2)
    callers = [threading.Thread(target=call_until, args=(done, server, *load)) for load in loads]

    for caller in callers:
        caller.start()
    for flip in range(FLIPS):
        horizon = ("within_30_days", "any")[flip % 2]
        models[horizon].registry.promote(models[horizon].versions[(flip // 2 + 1) % 2])
        assert server.call("POST", f"/reload-model?horizon={horizon}", headers=ADMIN).status == 200
    done.set()
    for caller in callers:
        caller.join()

    assert {status for status, _ in answers + batches} == {200}
    expected = {
        (horizon, version.version): probability_of(data)
        for horizon, model in models.items()
        for version, data in zip(model.versions, model.files, strict=True)
    }
    risks = [risk for _, answer in answers for risk in answer["risks"]]
    told = [(risk["horizon"], risk["model_version"], risk["probability"]) for risk in risks]
    for found in (told, [row for _, batch in batches for row in told_by(batch)]):
        assert {(horizon, version) for horizon, version, _ in found} == set(expected)
        shown = [probability for *_, probability in found]
        np.testing.assert_allclose(shown, [expected[horizon, version] for horizon, version, _ in found], atol=1e-6)
    print(f"{FLIPS} reloads, {len(answers)} predictions, {len(batches)} batches of {BATCH}")


def test_a_bad_version_in_production_leaves_the_old_one_serving(server, published):
    published.registry.promote(published.register(b"no model"))

    with pytest.raises(InvalidModel):
        api(server).reload_model()

    assert server.versions() == {published.versions[0].version}
    assert server.predict(EXAMPLE).status == 200


def predictions(server) -> float:
    return sum(server.samples("readmission_predictions_total", PRIMARY).values())


def all_predictions(server) -> float:
    """Those of earlier tests, too, which a worker publishes twice a second."""
    time.sleep(2)
    return predictions(server)


def test_metrics_are_those_of_all_workers_together(server, eventually):
    eventually(
        lambda: sum(server.samples("readmission_model_info", PRIMARY).values()) == 2, "both workers' models", server.log
    )
    before = all_predictions(server)

    for _ in range(40):
        assert server.predict(EXAMPLE).status == 200

    eventually(lambda: predictions(server) >= before + 40, "all predictions are counted", server.log)
    assert all_predictions(server) == before + 40


def test_a_worker_that_dies_is_replaced_without_a_gap_and_its_counts_stay(server, eventually):
    eventually(
        lambda: sum(server.samples("readmission_model_info", PRIMARY).values()) == 2, "both workers' models", server.log
    )
    before = all_predictions(server)
    assert [server.predict(EXAMPLE).status for _ in range(20)] == [200] * 20
    # a worker that is killed loses what it has not published
    eventually(lambda: predictions(server) == before + 20, "its counts are published", server.log)
    victim = server.workers()[0]

    victim.kill()

    served, codes = "readmission_model_info", []
    eventually(lambda: sum(server.samples(served, PRIMARY).values()) == 1, "the dead worker is forgotten", server.log)
    while sum(server.samples(served, PRIMARY).values()) < 2:
        codes.append(server.predict(EXAMPLE).status)
    assert set(codes) == {200}
    assert victim.pid not in {worker.pid for worker in server.workers()}
    eventually(lambda: predictions(server) == before + 20 + len(codes), "no count is lost", server.log)


def test_a_body_without_a_length_is_cut_off_at_the_limit(server):
    megabyte = b"f4240\r\n" + b" " * 1_000_000 + b"\r\n"

    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"POST /predict_batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            connection.sendall(megabyte)
        connection.sendall(b"1\r\n \r\n")
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer


def test_a_request_larger_than_the_limit_is_refused_by_its_head(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head_of("/predict", 10**12))

        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_server_without_a_model_waits_and_then_follows_the_alias_by_itself(serve, published, eventually):
    published.withdraw()
    with serve(path="/health", model_poll_seconds=0.5) as server:
        assert server.call("GET", "/ready").status == 503
        assert server.predict(EXAMPLE).status == 503
        with pytest.raises(NotFound):
            api(server).reload_model()

        for version in published.versions:
            published.registry.promote(version)
            eventually(lambda due=version.version: server.versions() == {due}, "the alias is followed", server.log)


def test_without_mlflow_the_server_lives_and_is_not_ready(serve):
    with serve(path="/health", mlflow_tracking_uri=NOBODY) as server:
        assert server.call("GET", "/ready").status == 503
        assert server.predict(EXAMPLE).status == 503


def test_a_start_without_mlflow_serves_the_last_good_version_of_each_horizon_as_stale(
    serve, server, published, published_30d, tmp_path
):
    shutil.copytree(server.serving_dir / "models", tmp_path / "serving" / "models")

    with serve(mlflow_tracking_uri=NOBODY) as restarted:
        found = {horizon: restarted.call("GET", f"/model-info?horizon={horizon}").document for horizon in HORIZONS}

    expected = {"any": published.versions[0].version, "within_30_days": published_30d.versions[0].version}
    assert {horizon: model["version"] for horizon, model in found.items()} == expected
    assert {model["stale"] for model in found.values()} == {True}


@pytest.mark.usefixtures("published")
def test_when_the_supervisor_is_killed_its_workers_free_the_port(serve, eventually):
    with serve(inference_workers=2) as server:
        workers = server.workers()

        server.process.kill()

        eventually(
            lambda: not any(psutil.pid_exists(worker.pid) for worker in workers), "the workers ended", server.log
        )
        assert len(workers) == 2
        socket.create_server(("127.0.0.1", server.port)).close()


@pytest.mark.usefixtures("published")
def test_a_request_that_was_begun_is_answered_and_a_stopped_server_leaves_only_its_model(serve):
    body = json.dumps(EXAMPLE).encode()
    with serve() as server, socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head_of("/predict", len(body)) + body[:50])
        assert server.call("GET", "/health").status == 200

        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(2)
        connection.sendall(body[50:])

        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert server.process.wait(30) == 0
        assert {path.name for path in server.serving_dir.iterdir()} == {"models"}


def check_predictions_and_outcomes_are_kept(server) -> None:
    prediction_id = server.predict(EXAMPLE).document["prediction_id"]
    batch = server.call("POST", "/predict_batch", [EXAMPLE] * 3, JSON).document
    third = batch["predictions"][2]["prediction_id"]
    today = datetime.now(UTC).date()
    outcomes = [
        {"prediction_id": prediction_id, "days_until_readmission": 0},
        {"prediction_id": prediction_id, "days_until_readmission": 0},
        {"prediction_id": prediction_id, "days_until_readmission": 2},
        {"prediction_id": third, "not_readmitted_by": str(today)},
        {"prediction_id": "unknown", "days_until_readmission": 0},
    ]

    answers = [server.call("POST", "/outcomes", outcome, JSON) for outcome in outcomes]

    # the patient cannot have come back in the future
    assert [answer.status for answer in answers] == [200, 200, 422, 200, 404]
    assert answers[0].document["truth"] == {"any": True, "within_30_days": True}
    assert answers[3].document["truth"] == {"any": None, "within_30_days": None}


def test_predictions_and_outcomes_are_kept_in_sqlite(server):
    check_predictions_and_outcomes_are_kept(server)


@pytest.mark.usefixtures("published")
def test_predictions_and_outcomes_are_kept_in_mariadb(serve, mariadb, eventually):
    with serve(inference_database_url=mariadb.create_database("serving_test")) as server:
        eventually(lambda: "prediction log migrated" in server.log.read_text(), "the tables are there", server.log)

        check_predictions_and_outcomes_are_kept(server)


@pytest.mark.usefixtures("published")
def test_without_its_database_the_server_predicts_keeps_the_log_and_shows_no_patient(serve, eventually):
    nowhere = "mysql+mysqlconnector://nobody:secret-word@127.0.0.1:9/none"

    with serve(inference_database_url=nowhere) as server:
        codes = [server.predict(EXAMPLE | {"race": race}).status for race in ("Hispanic", "Secret Name")]
        outcome = server.call("POST", "/outcomes", {"prediction_id": "x", "days_until_readmission": 0}, JSON)
        eventually(
            lambda: server.samples("readmission_prediction_log_failures_total").popitem()[1] > 0,
            "the shipper has tried",
            server.log,
        )
        waiting, lost = (server.samples(f"readmission_prediction_log_{name}") for name in ("records", "lost_total"))
        log = server.log.read_text()

    assert codes == [200, 422]
    assert outcome.status == 503
    assert (list(waiting.values()), sum(lost.values())) == ([1.0], 0)
    assert "predictions wait to be shipped" in log
    for secret in ("secret-word", "Hispanic", "Secret Name"):
        assert secret not in log + outcome.text
