"""The certificate that the instance makes, served over TLS, and the pipeline's client that trusts nothing else."""

import runpy
import ssl
from pathlib import Path

import pytest

from readmission.adapters.data_api import DataApi
from readmission.errors import SourceUnavailable

SCRIPT = Path(__file__).parents[3] / "aws" / "scripts" / "set_up_instance.py"


@pytest.fixture
def make_certificate():
    return runpy.run_path(str(SCRIPT))["make_certificate"]


@pytest.fixture
def server(http_server, make_certificate, tmp_path):
    """A TLS server at 127.0.0.1 with the certificate of this address."""
    make_certificate(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with http_server() as server:
        server.wrap_socket(context)
        yield f"https://127.0.0.1:{server.port}"


def test_the_client_trusts_the_certificate_of_the_instance(server, tmp_path):
    with DataApi(server, certificate=tmp_path / "certificate.pem", timeout=5) as api:
        assert api.health()


def test_the_client_trusts_no_other_certificate(server, make_certificate, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    make_certificate(other, "127.0.0.1")

    with DataApi(server, certificate=other / "certificate.pem", timeout=5) as api, pytest.raises(SourceUnavailable):
        api.health()


def test_without_the_certificate_the_instance_is_not_trusted(server):
    with DataApi(server, timeout=5) as api, pytest.raises(SourceUnavailable):
        api.health()


def test_a_certificate_is_made_again_only_for_another_address(make_certificate, tmp_path):
    first = make_certificate(tmp_path, "203.0.113.9")

    assert make_certificate(tmp_path, "203.0.113.9") == first
    assert make_certificate(tmp_path, "203.0.113.10") != first
