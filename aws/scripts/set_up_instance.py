"""Gives the instance of aws/template.yaml its read key, its certificate and its TLS proxy.

usage: set_up_instance.py ETC ADDRESS SECRET PARAMETER [IMAGE]

ETC is /etc. ADDRESS is the public IPv4 address. SECRET holds the read key (Secrets Manager). PARAMETER receives the
certificate (Systems Manager). IMAGE is a published image of the data API. A second run changes nothing.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3

NGINX = Path(__file__).resolve().parent.parent / "nginx.conf"
# the certificate of one address: it can sign no other one
EXTENSIONS = """
[req]
distinguished_name = name
x509_extensions = server
prompt = no
[name]
CN = readmission data API
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:{address}
"""
# the instance is replaced long before
DAYS = 3650


def write_settings(folder: Path, read_key: str, image: str) -> None:
    """Write the settings of the systemd unit into ``folder``, for root only."""
    path = folder / "data-api.env"
    path.touch(mode=0o600)
    path.write_text(f"DATA_API_IMAGE={image}\nDATA_API_READ_KEY={read_key}\n")


def make_certificate(folder: Path, address: str) -> str:
    """The self-signed certificate of this address in ``folder``, in PEM; made when there is none for it."""
    certificate = folder / "certificate.pem"
    if not certificate.exists() or not _names(certificate, address):
        with tempfile.NamedTemporaryFile("w") as configuration:
            configuration.write(EXTENSIONS.format(address=address))
            configuration.flush()
            _openssl(
                *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(DAYS)),
                *("-config", configuration.name, "-keyout", str(folder / "key.pem"), "-out", str(certificate)),
            )
        (folder / "key.pem").chmod(0o600)
    return certificate.read_text()


def _names(certificate: Path, address: str) -> bool:
    return "does match" in _openssl("x509", "-noout", "-checkip", address, "-in", str(certificate))


def _openssl(*arguments: str) -> str:
    return subprocess.run(["/usr/bin/openssl", *arguments], check=True, capture_output=True, text=True).stdout


def install_proxy(nginx: Path) -> None:
    """Make our server the only one of the nginx in this folder."""
    (nginx / "sites-enabled" / "default").unlink(missing_ok=True)
    shutil.copyfile(NGINX, nginx / "conf.d" / "readmission.conf")


def main(etc: Path, address: str, secret: str, parameter: str, image: str = "") -> None:
    """Set up the instance; the arguments are those of the command."""
    folder = etc / "readmission"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    read_key = boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    write_settings(folder, read_key, image)
    certificate = make_certificate(folder, address)
    boto3.client("ssm").put_parameter(Name=parameter, Value=certificate, Type="String", Overwrite=True)
    install_proxy(etc / "nginx")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
