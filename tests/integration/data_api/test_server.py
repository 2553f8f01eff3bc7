"""The data API as a process, and its client: start, serve, stop, start again."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from pydantic import SecretStr

from readmission.adapters.data_api import DataApi
from readmission.errors import BatchNotPublished, NotFound, Unauthorized

CODE = "from readmission import cli; cli.data_api()"
KEY = "a key for tests"


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def environment(tmp_path, csv):
    path = tmp_path / "encounters.csv"
    path.write_bytes(csv)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return inherited | {
        "DATA_PATH": str(path),
        "DATA_CACHE": str(tmp_path / "cache"),
        "DATA_API_PORT": str(_free_port()),
        "DATA_API_KEY": KEY,
        "BATCH_SIZE": "100",
        "BATCH_INTERVAL_SECONDS": "3600",
        "LOG_JSON": "true",
    }


def _start(environment):
    return subprocess.Popen([sys.executable, "-c", CODE], env=environment, stderr=subprocess.PIPE, text=True)


@contextmanager
def _running(environment):
    process = _start(environment)
    url = f"http://127.0.0.1:{environment['DATA_API_PORT']}"
    try:
        _wait(process, url)
        yield process, url
    finally:
        process.kill()
        process.communicate()


def _wait(process, url):
    for _ in range(600):
        if process.poll() is not None:
            pytest.fail(f"the data API ended: {process.stderr.read()}")
        try:
            httpx.get(f"{url}/health")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the data API does not answer")


def _events(log):
    return [json.loads(line) for line in log.splitlines()]


def test_the_client_fetches_what_the_manifest_promises(environment):
    with _running(environment) as (_, url), DataApi(url) as api:
        manifest = api.manifest()
        body = api.fetch_batch(1)

        assert api.health()
        assert (manifest.total_batches, manifest.published, manifest.source) == (3, 1, "file")
        assert hashlib.sha256(body).hexdigest() == manifest.batches[0].sha256


def test_encounters_are_served_to_the_holder_of_the_read_key_only(environment):
    with _running(environment | {"DATA_API_READ_KEY": "opens"}) as (_, url):
        with DataApi(url, read_key=SecretStr("opens")) as reader:
            assert reader.fetch_batch(1)
        with DataApi(url) as stranger, pytest.raises(Unauthorized):
            stranger.fetch_batch(1)


def test_the_client_tells_a_batch_of_tomorrow_from_one_that_never_comes(environment):
    with _running(environment) as (_, url), DataApi(url) as api:
        with pytest.raises(BatchNotPublished) as early:
            api.fetch_batch(2)
        with pytest.raises(NotFound):
            api.fetch_batch(4)

        assert early.value.batch_number == 2
        assert early.value.next_batch_at == api.manifest().next_batch_at


def test_sigterm_ends_it_cleanly(environment):
    with _running(environment) as (process, _):
        process.send_signal(signal.SIGTERM)

        _, log = process.communicate(timeout=20)

        assert process.returncode == 0
        assert _events(log)[-1]["event"] == "data API stopped"


def test_what_is_published_survives_a_killed_process(environment):
    with _running(environment) as (process, url):
        before = httpx.get(f"{url}/batches").json()
        process.kill()
        process.wait()

    with _running(environment) as (_, url):
        assert httpx.get(f"{url}/batches").json() == before


def test_a_restart_by_key_moves_the_schedule(environment):
    with _running(environment) as (_, url):
        before = httpx.get(f"{url}/batches").json()["next_batch_at"]

        response = httpx.post(f"{url}/restart_data_generation", headers={"X-API-Key": KEY})

        assert response.status_code == 200
        assert response.json()["next_batch_at"] > before


def test_plain_json_streams_whole(environment):
    with _running(environment) as (_, url):
        plain = httpx.get(f"{url}/get_data", headers={"Accept-Encoding": "identity"})
        zipped = httpx.get(f"{url}/get_data", headers={"Accept-Encoding": "gzip"})

        assert "Content-Encoding" not in plain.headers
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert plain.json() == zipped.json()


def test_head_has_the_headers_and_no_body(environment):
    with _running(environment) as (_, url):
        head = httpx.head(f"{url}/get_data")

        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["ETag"] == httpx.get(f"{url}/get_data").headers["ETag"]


@pytest.mark.parametrize(
    ("content", "error"), [(b"no,encounters\n1,2\n", "InvalidSource"), (b"", "InvalidSource"), (None, "InvalidSource")]
)
def test_a_bad_file_stops_the_start_with_one_clear_event(environment, tmp_path, content, error):
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content)

    process = _start(environment | {"DATA_PATH": str(path)})
    _, log = process.communicate(timeout=60)

    assert process.returncode == 1
    assert (_events(log)[-1]["error"], "bad.csv" in _events(log)[-1]["reason"]) == (error, True)


def test_a_wrong_archive_stops_the_start(environment, scripted_server, answers, archive):
    scripted_server.answers = [answers["whole"](archive)]
    wrong = environment | {"UCI_URL": scripted_server.url, "UCI_SHA256": "0" * 64}
    del wrong["DATA_PATH"]

    process = _start(wrong)
    _, log = process.communicate(timeout=60)

    assert process.returncode == 1
    assert _events(log)[-1]["error"] == "ChecksumMismatch"


def test_a_taken_port_stops_the_start(environment):
    with _running(environment):
        process = _start(environment)
        _, log = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "Address already in use" in _events(log)[-1]["reason"]


def test_the_server_never_loads_pandas(environment):
    code = "import sys, readmission.data_api.server; sys.exit('pandas' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_a_large_body_is_refused_before_it_is_read(environment):
    with _running(environment) as (_, url):
        response = httpx.post(f"{url}/restart_data_generation", headers={"X-API-Key": KEY}, content=b"x" * 1_000_000)

        assert response.status_code == 413


def test_many_callers_at_once_get_the_same_batch(environment):
    with _running(environment) as (_, url), ThreadPoolExecutor(16) as callers:
        bodies = list(callers.map(lambda _: httpx.get(f"{url}/get_data").content, range(48)))

        assert len(set(bodies)) == 1
