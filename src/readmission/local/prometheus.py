"""Prometheus, which scrapes the services of the catalogue that the native run starts."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from readmission.local.graph import Step
from readmission.local.native import NativeRun, Start
from readmission.local.settings import PROJECT


def start(run: NativeRun) -> Start:
    """Prometheus. Its configuration is written before each start; it keeps the metrics for 15 days."""
    configuration = run.local.run / "prometheus.yml"
    write = partial(write_configuration, PROJECT / "prometheus.yml", configuration, scrape_jobs(run))
    return Start(
        command=(
            str(run.found.path("prometheus")),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={run.home / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{run.ports('prometheus')['HTTP']}",
            "--storage.tsdb.retention.time=15d",
        ),
        before=(Step("prometheus-configuration", write),),
    )


def scrape_jobs(run: NativeRun) -> list[dict[str, Any]]:
    """One scrape job, as in ``prometheus.yml``, for each started service with a metrics route."""
    return [
        {
            "job_name": spec.name,
            "metrics_path": spec.metrics.route,
            "static_configs": [{"targets": [f"127.0.0.1:{run.ports(spec.name)[spec.metrics.port]}"]}],
        }
        for spec in run.started
        if spec.metrics
    ]


def write_configuration(source: Path, destination: Path, jobs: list[dict[str, Any]]) -> None:
    """Copy the configuration ``source`` to ``destination``, with ``jobs`` as its scrape jobs."""
    configuration: Mapping[str, Any] = yaml.safe_load(source.read_text())
    destination.write_text(yaml.safe_dump({**configuration, "scrape_configs": jobs}, sort_keys=False))
