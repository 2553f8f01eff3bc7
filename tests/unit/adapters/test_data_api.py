"""The client against answers that a data API gives on a bad day."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from readmission.adapters.data_api import WAITS, DataApi
from readmission.errors import (
    BatchNotPublished,
    ChecksumMismatch,
    InvalidInput,
    NotFound,
    SourceUnavailable,
    Unauthorized,
)

BODY = b"PAR1 the rows PAR1"
SHA256 = hashlib.sha256(BODY).hexdigest()
MANIFEST = {
    "total_batches": 2,
    "published": 1,
    "exhausted": False,
    "next_batch_at": "2026-11-23T12:10:00+00:00",
    "source": "uci",
    "batches": [{"batch_number": 1, "rows": 15_000, "sha256": SHA256}],
}
BATCH = (200, {"ETag": f'"{SHA256}"'}, BODY)


@pytest.fixture
def server():
    """Answers by path; of several, one after the other, the last again and again. None: the connection is dropped."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answers = self.server.answers[self.path.split("?")[0]]
            self.server.asked.append(self.path)
            self.server.keys.append(self.headers["X-API-Key"])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Access lines are not the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.keys = [], []
    server.answers = {"/batches": [(200, {}, json.dumps(MANIFEST).encode())], "/get_data": [BATCH]}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def api(server, waits):
    with DataApi(f"http://127.0.0.1:{server.server_port}", timeout=2, sleep=waits.append) as api:
        yield api


def _problem(status, **members):
    return (status, {"Content-Type": "application/problem+json"}, json.dumps({"detail": "why", **members}).encode())


def test_a_manifest_is_typed(api):
    manifest = api.manifest()

    assert manifest.batches[0].sha256 == SHA256
    assert (manifest.published, manifest.source) == (1, "uci")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        b"[]",
        b"{}",
        json.dumps({**MANIFEST, "source": "invented"}).encode(),
        json.dumps({**MANIFEST, "batches": [{"rows": 3}]}).encode(),
    ],
)
def test_an_answer_that_is_no_manifest_is_refused(api, server, body):
    server.answers["/batches"] = [(200, {}, body)]

    with pytest.raises(SourceUnavailable, match="does not answer as a data API"):
        api.manifest()


def test_a_batch_comes_as_received(api):
    assert api.fetch_batch(1) == BODY


def test_a_known_sha256_saves_the_look_into_the_manifest(api, server):
    assert api.fetch_batch(1, SHA256) == BODY
    assert server.asked == ["/get_data?batch_number=1"]


@pytest.mark.parametrize("failure", [None, (500, {}, b""), (503, {}, b""), (429, {}, b"")])
def test_a_passing_failure_is_tried_again(api, server, waits, failure):
    server.answers["/get_data"] = [failure, failure, BATCH]

    assert api.fetch_batch(1) == BODY
    assert waits == [0.5, 1.0]


def test_a_batch_that_was_cut_off_is_fetched_again(api, server):
    server.answers["/get_data"] = [(200, {**BATCH[1], "Content-Length": "1000", "Connection": "close"}, BODY), BATCH]

    assert api.fetch_batch(1) == BODY


@pytest.mark.parametrize("failure", [None, (500, {}, b""), (200, {"Content-Encoding": "gzip"}, b"no gzip")])
def test_a_lasting_failure_is_given_up(api, server, waits, failure):
    server.answers["/get_data"] = [failure]

    with pytest.raises(SourceUnavailable):
        api.fetch_batch(1)

    assert len(server.asked) == 1 + len(WAITS)
    assert waits == list(WAITS)


@pytest.mark.parametrize("headers", [{}, {"ETag": '"' + "0" * 64 + '"'}])
def test_a_body_that_is_not_what_its_etag_says_is_refused(api, server, headers):
    server.answers["/get_data"] = [(200, headers, BODY)]

    with pytest.raises(ChecksumMismatch, match="ETag"):
        api.fetch_batch(1)


@pytest.mark.parametrize("promised", [[{**MANIFEST["batches"][0], "sha256": "0" * 64}], []])
def test_a_body_that_the_manifest_does_not_promise_is_refused(api, server, promised):
    server.answers["/batches"] = [(200, {}, json.dumps({**MANIFEST, "batches": promised}).encode())]

    with pytest.raises(ChecksumMismatch, match="manifest"):
        api.fetch_batch(1)


def test_a_batch_of_later_says_when(api, server):
    server.answers["/get_data"] = [_problem(404, next_batch_at="2026-11-23T12:10:00+00:00")]

    with pytest.raises(BatchNotPublished) as early:
        api.fetch_batch(2)

    assert (early.value.batch_number, early.value.next_batch_at) == (2, "2026-11-23T12:10:00+00:00")


def test_a_batch_that_there_is_not_is_not_found(api, server):
    server.answers["/get_data"] = [_problem(404)]

    with pytest.raises(NotFound, match="why"):
        api.fetch_batch(9)


def test_a_refusal_is_not_asked_again(api, server):
    server.answers["/get_data"] = [_problem(400)]

    with pytest.raises(SourceUnavailable, match="400"):
        api.fetch_batch(1)

    assert len(server.asked) == 1


def test_the_read_key_is_sent_with_every_request(server):
    url = f"http://127.0.0.1:{server.server_port}"

    with DataApi(url, read_key=SecretStr("the key")) as api:
        api.manifest()
        api.fetch_batch(1, SHA256)

    assert server.keys == ["the key", "the key"]


def test_a_refused_key_is_not_tried_again_and_the_error_names_the_setting(api, server):
    server.answers["/batches"] = [_problem(401)]

    with pytest.raises(Unauthorized, match="DATA_API_READ_KEY"):
        api.manifest()

    assert len(server.asked) == 1


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_read_is_refused(tmp_path, content):
    path = tmp_path / "certificate.pem"
    if content:
        path.write_text(content)

    with pytest.raises(InvalidInput, match="DATA_API_CERTIFICATE"):
        DataApi("https://127.0.0.1:9", certificate=path)


def test_a_healthy_source_is_told_at_once(api, server):
    server.answers["/health"] = [(200, {}, b"{}")]

    assert api.health()


@pytest.mark.parametrize("failure", [None, (503, {}, b"")])
def test_a_sick_source_is_told_at_once(api, server, waits, failure):
    server.answers["/health"] = [failure]

    with pytest.raises(SourceUnavailable):
        api.health()

    assert waits == []


def test_no_server_at_all_is_no_source(waits):
    with DataApi("http://127.0.0.1:9", timeout=1, sleep=waits.append) as api, pytest.raises(SourceUnavailable):
        api.manifest()


@pytest.mark.parametrize("url", ["http://x:abc", "http://[x]", "http://\0"])
def test_a_url_that_cannot_be_read_is_refused(url):
    with pytest.raises(InvalidInput, match="URL cannot be used"):
        DataApi(url)
