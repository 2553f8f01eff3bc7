"""SeaweedFS as the S3 server; a Python wheel installs its program.

Only the S3 port answers to access keys. All other ports but the metrics one trade patients' data without them, so they
want a client certificate (mutual TLS), which only this user can read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from readmission.local.graph import Step
from readmission.local.native import NativeRun, Start
from readmission.local.programs import environment_program
from readmission.local.service import write_private
from readmission.local.tls_identity import tls_identity
from readmission.services import BUCKETS

# the sections of SeaweedFS' security.toml; "client" is what each part uses to reach the others
_GRPC = ("master", "volume", "filer", "s3", "admin", "worker", "client")
_HTTPS = ("master", "volume", "filer", "admin", "client")
# an origin that no page can have: SeaweedFS allows every origin when the list is empty
_NO_ORIGIN = "none"


@dataclass(frozen=True)
class SeaweedFs:
    """One SeaweedFS server.

    ``identities``: its file of access keys. ``identity``: its certificate and private key in one file. ``sockets``: a
    folder that only this user may enter. ``ports``: by their catalogue labels.
    """

    directory: Path
    identities: Path
    identity: Path
    sockets: Path
    ports: Mapping[str, int]

    def start(self, before: tuple[Step, ...] = ()) -> Start:
        """How the server is started. ``before`` must include :meth:`initialise`."""
        return Start(
            command=(
                environment_program("weed"),
                "-logtostderr=true",
                "mini",
                f"-dir={self.directory}",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                f"-s3.port={self.ports['S3']}",
                f"-master.port={self.ports['master']}",
                f"-volume.port={self.ports['volume']}",
                f"-filer.port={self.ports['filer']}",
                f"-admin.port={self.ports['admin']}",
                f"-metricsPort={self.ports['metrics']}",
                "-metricsIp=127.0.0.1",
                f"-s3.config={self.identities}",
                # these two sockets answer without TLS; by default they lie in /tmp
                f"-s3.localSocket={self.sockets / 's3.sock'}",
                f"-filer.localSocket={self.sockets / 'filer.sock'}",
                f"-s3.allowedOrigins={_NO_ORIGIN}",
                f"-bucket={','.join(BUCKETS)}",
                "-admin.ui=false",
                "-webdav=false",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-master.telemetry=false",
            ),
            environment=self._security(),
            before=before,
            stop_seconds=4,  # a stop sometimes takes 30 s; the data survive a kill
        )

    def initialise(self, access_key: str, secret_key: str) -> None:
        """Make the data directory and write the file of access keys, which only this user may read."""
        self.directory.mkdir(parents=True, exist_ok=True)
        credentials = [{"accessKey": access_key, "secretKey": secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "readmission", "credentials": credentials, "actions": actions}
        write_private(self.identities, json.dumps({"identities": [identity]}))

    def _security(self) -> dict[str, str]:
        """What ``security.toml`` would say, as SeaweedFS reads it from the environment."""
        sections = [f"GRPC_{part}" for part in _GRPC] + [f"HTTPS_{part}" for part in _HTTPS]
        names = ["GRPC_CA", *(f"HTTPS_{part}_CA" for part in _HTTPS)]
        names += [f"{section}_{file}" for section in sections for file in ("CERT", "KEY")]
        return {
            "WEED_CORS_ALLOWED_ORIGINS_VALUES": _NO_ORIGIN,
            "WEED_HTTPS_CLIENT_ENABLED": "true",
            **{f"WEED_{name.upper()}": str(self.identity) for name in names},
        }


def start(run: NativeRun) -> Start:
    """The object store, with the S3 keys of the run's environment."""
    server = SeaweedFs(
        directory=run.home / "object-store",
        identities=run.secrets.directory / "s3.json",
        identity=tls_identity(run.secrets, "object_store", datetime.now(UTC).date()),
        sockets=run.local.run,
        ports=run.ports("object-store"),
    )
    keys = (run.environment["S3_ACCESS_KEY"], run.environment["S3_SECRET_KEY"])
    return server.start(before=(Step("object-store-keys", lambda: server.initialise(*keys)),))
