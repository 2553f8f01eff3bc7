"""SeaweedFS as the S3 server; a Python wheel installs its program."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from readmission.local.graph import Step
from readmission.local.native import NativeRun, Start
from readmission.local.programs import environment_program
from readmission.local.service import write_private
from readmission.services import BUCKETS


@dataclass(frozen=True)
class SeaweedFs:
    """One SeaweedFS server. ``identities`` is its file of access keys; ``ports`` are by their catalogue labels."""

    directory: Path
    identities: Path
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
                f"-metricsPort={self.ports['metrics']}",
                "-metricsIp=127.0.0.1",
                f"-s3.config={self.identities}",
                f"-bucket={','.join(BUCKETS)}",
                "-admin.ui=false",
                "-webdav=false",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-master.telemetry=false",
            ),
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


def start(run: NativeRun) -> Start:
    """The object store, with the S3 keys of the run's environment."""
    server = SeaweedFs(run.home / "object-store", run.secrets.directory / "s3.json", run.ports("object-store"))
    keys = (run.environment["S3_ACCESS_KEY"], run.environment["S3_SECRET_KEY"])
    return server.start(before=(Step("object-store-keys", lambda: server.initialise(*keys)),))
