"""An AWS that is moto on a loopback port; nothing here can reach the real one."""

import importlib.util
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import httpx
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2 import ec2_backends
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).parents[3]
REGION = "us-east-1"
IMAGE = "ami-12c6146b"
TAG = {"Key": "readmission", "Value": "data-api"}
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


@dataclass
class Aws:
    """The endpoint, and what a test needs to set the scene."""

    url: str
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = self.client_of({}, service)
        return self.clients[service]

    def client_of(self, credentials: dict[str, str], service: str) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, **credentials)

    def launch(self, *, state: str = "running", tagged: bool = True) -> str:
        """The id of a new instance in this state."""
        tags = [{"ResourceType": "instance", "Tags": [TAG]}] if tagged else []
        answer = self.client("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=tags)
        instance_id = answer["Instances"][0]["InstanceId"]
        self.put_into(instance_id, state)
        return str(instance_id)

    def put_into(self, instance_id: str, state: str) -> None:
        """moto knows all six states but is never seen in the passing ones: they are set from inside."""
        found = ec2_backends[DEFAULT_ACCOUNT_ID][REGION].get_instance(instance_id)
        found._state.name, found._state.code = state, CODES[state]

    def state(self, instance_id: str) -> str:
        answer = self.client("ec2").describe_instances(InstanceIds=[instance_id])
        return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])

    def user(self, document: str) -> dict[str, str]:
        """Credentials of a new IAM user with this policy, from now on enforced by moto (actions only)."""
        iam = self.client("iam")
        iam.create_user(UserName="airflow")
        iam.put_user_policy(UserName="airflow", PolicyName="test", PolicyDocument=document)
        key = iam.create_access_key(UserName="airflow")["AccessKey"]
        self.enforce()
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    def enforce(self) -> None:
        httpx.post(f"{self.url}/moto-api/reset-auth", content="0")


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def aws(moto_server: str) -> Iterator[Aws]:
    """An empty account of this test module, with the environment of the process pointing at it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": moto_server,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }.items():
            patch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "INSTANCE_ID", "EC2_INSTANCE_TAG"):
            patch.delenv(name, raising=False)
        reset(moto_server)
        yield Aws(moto_server)
        reset(moto_server)


def reset(url: str) -> None:
    httpx.post(f"{url}/moto-api/reset-auth", content="inf")
    httpx.post(f"{url}/moto-api/reset")


@pytest.fixture
def empty_aws(aws: Aws) -> Aws:
    """The same, emptied for this test."""
    reset(aws.url)
    return aws


@pytest.fixture(scope="session")
def function() -> Callable[[str], ModuleType]:
    """``function("start")`` is the module that the zip of this name holds."""

    def load(verb: str) -> ModuleType:
        name = f"{verb}_ec2_instance"
        spec = importlib.util.spec_from_file_location(name, ROOT / "aws" / "lambda" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@dataclass
class HttpServer:
    """A server that answers every request the same way, after ``delay`` seconds, and remembers what it was asked."""

    status: int = 200
    body: bytes = b'{"status": "ok"}'
    delay: float = 0
    port: int = 0
    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def __enter__(self) -> "HttpServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.paths.append(self.path)
                outer.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                time.sleep(outer.delay)
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def wrap_socket(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def http_server() -> type[HttpServer]:
    return HttpServer
