"""Prometheus with the scrape jobs of the repository's ``prometheus.yml``, at the native run's addresses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from readmission.local.service import Health, Service


def native_configuration(configuration: Mapping[str, Any], targets: Mapping[str, str]) -> dict[str, Any]:
    """The same configuration with each job's target of ``targets`` (job name -> host:port); other jobs are left out."""
    jobs = [
        {**job, "static_configs": [{"targets": [targets[job["job_name"]]]}]}
        for job in configuration["scrape_configs"]
        if job["job_name"] in targets
    ]
    return {**configuration, "scrape_configs": jobs}


def write_configuration(source: Path, destination: Path, targets: Mapping[str, str]) -> None:
    configuration = native_configuration(yaml.safe_load(source.read_text()), targets)
    destination.write_text(yaml.safe_dump(configuration, sort_keys=False))


def prometheus_service(*, program: Path, configuration: Path, data: Path, port: int) -> Service:
    url = f"http://127.0.0.1:{port}"
    return Service(
        name="prometheus",
        command=(
            str(program),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.retention.time=15d",
        ),
        health=Health(f"{url}/-/ready"),
        ports={"HTTP": port},
        port_setting="PROMETHEUS_PORT",
        depends_on=("prometheus-configuration",),
        url=url,
    )
