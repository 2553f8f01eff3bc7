"""Which refusals of AWS and of an S3 store are permanent: those that new credentials or a right clock do not mend."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from readmission.adapters.compute import Ec2Instance
from readmission.adapters.object_store import ObjectStore
from readmission.errors import SourceUnavailable, Unauthorized
from readmission.settings.parts import InstanceSettings

EC2_ERROR = "<Response><Errors><Error><Code>{}</Code><Message>no</Message></Error></Errors></Response>"
S3_ERROR = "<Error><Code>{}</Code><Message>no</Message></Error>"


@pytest.fixture
def refusing():
    """``refusing(body)``: the address of a server that answers every request with 403 and this body."""

    class Handler(BaseHTTPRequestHandler):
        def _refuse(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(403)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(self.server.body)))
            self.end_headers()
            self.wfile.write(self.server.body)

        do_GET = do_POST = _refuse  # noqa: N815  the names that http.server asks for

        def log_message(self, *_):
            """Access lines are not the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def start(body: str) -> str:
        server.body = body.encode()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ExpiredToken", SourceUnavailable),
        ("RequestExpired", SourceUnavailable),
        ("AuthFailure", Unauthorized),
        ("UnauthorizedOperation", Unauthorized),
    ],
)
def test_of_awss_refusals_only_those_that_time_may_mend_are_retried(refusing, monkeypatch, code, error):
    monkeypatch.setenv("AWS_ENDPOINT_URL", refusing(EC2_ERROR.format(code)))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    instance = Ec2Instance.from_settings(InstanceSettings(instance_id="i-0123456789abcdef0", aws_region="us-east-1"))

    with pytest.raises(error, match=code):
        instance.state()


@pytest.mark.parametrize(
    ("code", "error"), [("RequestTimeTooSkewed", SourceUnavailable), ("InvalidAccessKeyId", Unauthorized)]
)
def test_a_store_whose_clock_differs_is_asked_again(refusing, code, error):
    store = ObjectStore(refusing(S3_ERROR.format(code)), "key", "secret", "us-east-1")

    with pytest.raises(error, match=code):
        store.get("bucket", "key")
