"""SeaweedFS as the S3 server: its program comes as a Python wheel."""

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
    """One server; ``ports`` by their labels in the catalogue."""

    directory: Path
    identities: Path
    ports: Mapping[str, int]

    def start(self, before: tuple[Step, ...] = ()) -> Start:
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
            stop_seconds=4,  # sometimes takes 30 s; its data survive a kill
        )

    def initialise(self, access_key: str, secret_key: str) -> None:
        """Make the data directory and the file of keys."""
        self.directory.mkdir(parents=True, exist_ok=True)
        credentials = [{"accessKey": access_key, "secretKey": secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "readmission", "credentials": credentials, "actions": actions}
        write_private(self.identities, json.dumps({"identities": [identity]}))


def start(run: NativeRun) -> Start:
    server = SeaweedFs(run.home / "object-store", run.secrets.directory / "s3.json", run.ports("object-store"))
    keys = (run.environment["S3_ACCESS_KEY"], run.environment["S3_SECRET_KEY"])
    return server.start(before=(Step("object-store-keys", lambda: server.initialise(*keys)),))
