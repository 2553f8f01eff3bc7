"""Attacks on the object store by another user of the machine, who has neither an access key nor the certificate."""

import json
import os
import pwd
import shutil
import ssl
import stat
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import psutil
import pytest

from readmission.adapters.object_store import ObjectStore
from readmission.local.object_store import SeaweedFs
from readmission.local.programs import environment_program

PATIENTS = b"encounter_id,patient_nbr\n2278392,8222157\n"
KEYS = ("test-access-key", "test-secret-key")
# an environment under another user's home is out of nobody's reach
PYTHON = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin") or sys.executable
EVIL = "http://evil.example"
# prints [status, headers, body]; an attacker does not care who the server is
REQUEST = """
import json, ssl, sys, urllib.error, urllib.request
method, url, headers, body = json.loads(sys.argv[1])
request = urllib.request.Request(url, method=method, headers=headers, data=body and body.encode())
try:
    handler = urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
    answer = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler).open(request, timeout=5)
except urllib.error.HTTPError as error:
    answer = error
except OSError as error:
    print(json.dumps([0, {}, type(error).__name__]))
    sys.exit()
names = {name.lower(): value for name, value in answer.headers.items()}
print(json.dumps([answer.status, names, answer.read().decode(errors="replace")]))
"""


def as_nobody(*command: str, stdin: str = "", seconds: float = 10) -> str:
    """What a command prints within ``seconds``; it runs as the user nobody when the tests run as root."""
    other = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    environment = {"PATH": os.defpath, "HOME": "/nonexistent"}
    try:
        done = subprocess.run(
            command,
            input=stdin,
            timeout=seconds,
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            **other,
        )
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").decode()
    except PermissionError:
        pytest.skip(f"nobody may not run {command[0]}")
    return done.stdout


def request(method: str, url: str, headers: dict[str, str] | None = None, body: str | None = None):
    """The answer to the attacker: status (0 when the connection is refused), headers and body."""
    printed = as_nobody(PYTHON, "-I", "-c", REQUEST, json.dumps([method, url, headers or {}, body]))
    if not printed:
        pytest.skip(f"nobody may not run {PYTHON}")
    return json.loads(printed)


def store_of(server: SeaweedFs) -> ObjectStore:
    return ObjectStore(f"http://127.0.0.1:{server.ports['S3']}", *KEYS, "us-east-1")


@pytest.fixture(scope="module")
def ports(seaweedfs_server: SeaweedFs) -> Mapping[str, int]:
    return seaweedfs_server.ports


@pytest.fixture
def patients(object_store: ObjectStore) -> Iterator[str]:
    """The key of an object with patients' data in the bucket ``landing``."""
    key = f"{uuid.uuid4().hex}.csv"
    object_store.put("landing", key, PATIENTS)
    yield key
    assert object_store.get("landing", key) == PATIENTS, "the attack changed the object"


@pytest.fixture(scope="module")
def insider(seaweedfs_server: SeaweedFs) -> Iterator[httpx.Client]:
    """A client that has the certificate."""
    context = ssl.create_default_context(cafile=str(seaweedfs_server.identity))
    context.load_cert_chain(seaweedfs_server.identity)
    with httpx.Client(verify=context, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_filer_gives_nobody_an_object_and_takes_none(ports, patients, scheme):
    url = f"{scheme}://127.0.0.1:{ports['filer']}/buckets/landing/{patients}"

    answers = [request("GET", url), request("PUT", url, body="mine"), request("DELETE", url)]

    assert [status for status, _, _ in answers if status not in (0, 400)] == []
    assert [body for _, _, body in answers if "encounter_id" in body] == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_master_gives_nobody_a_token_for_a_volume(ports, scheme):
    status, _, body = request("GET", f"{scheme}://127.0.0.1:{ports['master']}/dir/lookup?volumeId=1&read=yes")

    assert status in (0, 400)
    assert "locations" not in body
    assert "auth" not in body


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_volume_gives_nobody_a_chunk_even_by_its_id(ports, patients, insider, scheme):
    described = insider.get(f"https://127.0.0.1:{ports['filer']}/buckets/landing/{patients}?metadata=true").json()
    chunk = described["chunks"][0]["file_id"]

    status, _, body = request("GET", f"{scheme}://127.0.0.1:{ports['volume']}/{chunk}")

    assert status in (0, 400)
    assert "encounter_id" not in body


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_admin_port_answers_nobody(ports, scheme):
    status, _, body = request("GET", f"{scheme}://127.0.0.1:{ports['admin']}/health")

    assert status in (0, 400)
    assert "health" not in body


def test_the_shell_of_seaweedfs_reads_and_deletes_nothing_for_nobody(ports, patients):
    master, filer = (f"127.0.0.1:{ports[part]}.{ports[f'{part} gRPC']}" for part in ("master", "filer"))
    command = (environment_program("weed"), "shell", f"-master={master}", f"-filer={filer}")
    path = f"/buckets/landing/{patients}"

    shown = as_nobody(*command, stdin=f"fs.cat {path}\nlock\nfs.rm {path}\nfs.ls /buckets\n", seconds=5)

    assert "encounter_id" not in shown
    assert "landing" not in shown


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("part", ["S3", "master", "volume", "filer", "admin", "metrics"])
def test_no_port_allows_a_page_of_another_origin_to_read(ports, patients, part, method):
    headers = {"Origin": EVIL, "Access-Control-Request-Method": "GET"}

    _, answered, _ = request(method, f"http://127.0.0.1:{ports[part]}/buckets/landing/{patients}", headers)

    assert [name for name in answered if name.startswith("access-control-")] == []


def test_the_filer_refuses_another_origin_even_with_the_certificate(ports, patients, insider):
    url = f"https://127.0.0.1:{ports['filer']}/buckets/landing/{patients}"

    answer = insider.get(url, headers={"Origin": EVIL})

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
def test_without_an_access_key_s3_gives_and_takes_nothing(seaweedfs, patients, host):
    url, headers = f"{seaweedfs}/landing/{patients}", {"Host": host}

    answers = [
        request("GET", url, headers),
        request("PUT", url, headers, "mine"),
        request("DELETE", url, headers),
        request("GET", f"{seaweedfs}/landing?list-type=2", headers),
        request("GET", f"{seaweedfs}/", headers),
        request("POST", f"{seaweedfs}/", headers, "Action=ListUsers&Version=2010-05-08"),
    ]

    assert [status for status, _, _ in answers] == [403] * 5 + [400]


def test_nobody_can_read_the_certificate_with_its_key(seaweedfs_server):
    assert stat.S_IMODE(seaweedfs_server.identity.stat().st_mode) == 0o600


def test_no_socket_without_tls_lies_where_every_user_comes(ports):
    names = [f"seaweedfs-s3-{ports['S3']}.sock", f"seaweedfs-filer-{ports['filer']}.sock"]

    assert [name for name in names if Path(tempfile.gettempdir(), name).exists()] == []


def test_it_listens_on_the_ports_of_the_catalogue_and_on_no_other(ports):
    listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    server = next(each.pid for each in listening if each.laddr.port == ports["S3"])

    found = {(each.laddr.ip, each.laddr.port) for each in listening if each.pid == server}

    assert found == {("127.0.0.1", port) for port in ports.values()}


def test_data_of_a_server_without_tls_are_read_after_the_upgrade(tmp_path, seaweedfs_in):
    with seaweedfs_in(tmp_path, tls=False) as server:
        store_of(server).put("landing", "batch.csv", PATIENTS)

    with seaweedfs_in(tmp_path) as server:
        read = store_of(server).get("landing", "batch.csv")

    assert read == PATIENTS
