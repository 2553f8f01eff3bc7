"""A self-signed TLS certificate with its private key, for ports that only processes of this user may use."""

from datetime import UTC, date, datetime, time, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from readmission.local.secret_files import SecretFiles
from readmission.local.service import write_private

_VALID = timedelta(days=3 * 365)
_RENEWED_BEFORE_END = timedelta(days=365)


def tls_identity(secrets: SecretFiles, name: str, today: date) -> Path:
    """A file with a certificate and its private key, in PEM, made when there is none that is valid for another year.

    Server and client of a port share the certificate: each trusts no other one. A renewed certificate has another file
    name, so ``make up`` sees the change and restarts the service. Raises ``UnsafeSecret`` when others can read it.
    """
    ends = [date.fromisoformat(path.stem.split(".")[1]) for path in secrets.directory.glob(f"{name}.*.pem")]
    newest = max(ends, default=date.min)
    if newest > today + _RENEWED_BEFORE_END:
        secrets.check(f"{name}.{newest}.pem")
        return secrets.directory / f"{name}.{newest}.pem"
    end = today + _VALID
    path = secrets.directory / f"{name}.{end}.pem"
    secrets.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, _certificate_and_key(name, today, end))
    return path


def _certificate_and_key(name: str, begin: date, end: date) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_midnight(begin - timedelta(days=1)))
        .not_valid_after(_midnight(end))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (certificate.public_bytes(Encoding.PEM) + private).decode()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
