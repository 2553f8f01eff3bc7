"""A real HTTP server that answers as a script says, and a zip archive of the UCI's form."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.csv
import pytest

from readmission.data_api.sources import synthetic_source
from readmission.domain.schema import RAW_NAMES

Answer = Callable[[BaseHTTPRequestHandler], None]


def whole(body: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def cut_off(body: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2])
        request.close_connection = True

    return answer


def cut_off_unannounced(body: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(body[: len(body) // 2])
        request.close_connection = True

    return answer


def status(code: int) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


@dataclass
class ScriptedServer:
    """``answers`` are given one after the other, the last one again and again; ``paths`` are those asked for."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def scripted_server() -> Iterator[ScriptedServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scripted.paths.append(self.path)
            answer = scripted.answers.pop(0) if len(scripted.answers) > 1 else scripted.answers[0]
            answer(self)

        def log_message(self, *_: object) -> None:
            """The test's output is not the place for access lines."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scripted = ScriptedServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield scripted
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def csv() -> bytes:
    """300 synthetic encounters as the original file has them."""
    rows = synthetic_source(300, seed=0).read()
    plain = [column.cast(pa.string()).fill_null("?") for column in rows.columns]
    file = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(plain, names=list(RAW_NAMES)), file, pyarrow.csv.WriteOptions(quoting_style="none"))
    return file.getvalue()


@pytest.fixture(scope="session")
def archive(csv) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("diabetic_data.csv", csv)
        zipped.writestr("IDS_mapping.csv", "admission_type_id,description\n1,Emergency\n")
    return file.getvalue()


@pytest.fixture(scope="session")
def sha256(csv) -> str:
    return hashlib.sha256(csv).hexdigest()


@pytest.fixture(scope="session")
def answers() -> dict[str, Callable[..., Answer]]:
    """The kinds of answer by name."""
    return {"whole": whole, "cut off": cut_off, "cut off unannounced": cut_off_unannounced, "status": status}
