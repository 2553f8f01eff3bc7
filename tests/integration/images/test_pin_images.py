"""`make pin` against a registry on this machine that asks for a token, as Docker Hub does."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "pin_images.py"
DIGEST = "sha256:" + "a" * 64


class Registry(BaseHTTPRequestHandler):
    """Knows one image, library/python:3.11.9."""

    def do_GET(self):
        here = f"http://127.0.0.1:{self.server.server_port}"
        if self.path.startswith("/token?"):
            self.answer(200, body=b'{"token": "let me in"}')
        elif self.headers["Authorization"] != "Bearer let me in":
            challenge = f'Bearer realm="{here}/token",service="registry",scope="repository:library/python:pull"'
            self.answer(401, {"WWW-Authenticate": challenge})
        elif self.path == "/v2/library/python/manifests/3.11.9":
            self.answer(200, {"Docker-Content-Digest": DIGEST})
        else:
            self.answer(404)

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def registry():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pin(tmp_path):
    """``pin(text)`` is what the command made of a file with this text, and what it said."""

    def run(text):
        path = tmp_path / "images.env"
        path.write_text(text)
        done = subprocess.run([sys.executable, str(SCRIPT), str(path)], capture_output=True, text=True)
        return path.read_text(), done

    return run


@pytest.mark.parametrize("old", ["", "@sha256:" + "0" * 64])
def test_the_digest_of_the_registry_is_written_behind_the_tag(registry, pin, old):
    text, done = pin(f"# why\nPYTHON_IMAGE={registry}/library/python:3.11.9{old}\n")

    assert done.returncode == 0, done.stderr
    assert text == f"# why\nPYTHON_IMAGE={registry}/library/python:3.11.9@{DIGEST}\n"


def test_an_image_that_the_registry_does_not_have_changes_nothing(registry, pin):
    before = f"ONE={registry}/library/python:3.11.9\nTWO={registry}/library/python:0.0.0\n"

    text, done = pin(before)

    assert done.returncode == 1
    assert "404" in done.stderr
    assert text == before


def test_without_a_registry_the_error_is_one_line(pin):
    text, done = pin("PYTHON_IMAGE=127.0.0.1:9/library/python:3.11.9\n")

    assert done.returncode == 1
    assert done.stderr.startswith("error: no digest was written")
    assert "Traceback" not in done.stderr
    assert text == "PYTHON_IMAGE=127.0.0.1:9/library/python:3.11.9\n"
