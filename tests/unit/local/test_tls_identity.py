import ssl
import stat
from datetime import date, timedelta

import pytest
from cryptography import x509

from readmission.local.secret_files import SecretFiles, UnsafeSecret
from readmission.local.tls_identity import tls_identity

TODAY = date(2026, 11, 24)


@pytest.fixture
def secrets(tmp_path):
    return SecretFiles(tmp_path / "secrets")


def test_an_identity_is_made_once(secrets):
    first = tls_identity(secrets, "store", TODAY)
    before = first.read_text()

    second = tls_identity(secrets, "store", TODAY + timedelta(days=700))

    assert second == first
    assert second.read_text() == before


def test_an_identity_is_renewed_in_another_file_a_year_before_it_ends(secrets):
    first = tls_identity(secrets, "store", TODAY)

    second = tls_identity(secrets, "store", TODAY + timedelta(days=2 * 365))

    assert second != first
    assert tls_identity(secrets, "store", TODAY + timedelta(days=2 * 365)) == second


def test_the_certificate_is_valid_from_today_for_three_years(secrets):
    certificate = x509.load_pem_x509_certificate(tls_identity(secrets, "store", TODAY).read_bytes())

    assert certificate.not_valid_before_utc.date() < TODAY
    assert certificate.not_valid_after_utc.date() == TODAY + timedelta(days=3 * 365)


def test_a_server_and_a_client_can_load_the_one_file(secrets):
    identity = tls_identity(secrets, "store", TODAY)

    context = ssl.create_default_context(cafile=str(identity))
    context.load_cert_chain(identity)

    assert len(context.get_ca_certs()) == 1


def test_only_this_user_can_read_it(secrets):
    identity = tls_identity(secrets, "store", TODAY)

    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    assert stat.S_IMODE(secrets.directory.stat().st_mode) == 0o700


def test_an_identity_that_others_can_read_is_refused(secrets):
    tls_identity(secrets, "store", TODAY).chmod(0o644)

    with pytest.raises(UnsafeSecret, match="chmod 600"):
        tls_identity(secrets, "store", TODAY)
