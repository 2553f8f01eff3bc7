from pathlib import Path

import yaml

from readmission.local.plan import make_plan
from readmission.local.programs import Programs
from readmission.local.prometheus import native_configuration
from readmission.local.settings import PROJECT, LocalSettings
from readmission.settings import Settings

CONFIGURATION = {
    "global": {"scrape_interval": "15s"},
    "scrape_configs": [
        {"job_name": "one", "metrics_path": "/m", "static_configs": [{"targets": ["one:80"]}]},
        {"job_name": "two", "static_configs": [{"targets": ["two:80"]}]},
    ],
}


def test_a_job_keeps_everything_but_its_target():
    found = native_configuration(CONFIGURATION, {"one": "127.0.0.1:1"})

    assert found["scrape_configs"] == [
        {"job_name": "one", "metrics_path": "/m", "static_configs": [{"targets": ["127.0.0.1:1"]}]}
    ]
    assert found["global"] == CONFIGURATION["global"]


def test_the_source_is_left_as_it_was():
    native_configuration(CONFIGURATION, {"one": "127.0.0.1:1"})

    assert CONFIGURATION["scrape_configs"][0]["static_configs"] == [{"targets": ["one:80"]}]


def test_every_job_of_the_repository_is_a_service_of_the_native_run(tmp_path):
    jobs = [job["job_name"] for job in yaml.safe_load((PROJECT / "prometheus.yml").read_text())["scrape_configs"]]
    programs = Programs(mariadb=True, prometheus=Path("/usr/bin/prometheus"))

    plan = make_plan(Settings(), LocalSettings(readmission_home=tmp_path), programs)

    assert set(jobs) <= {service.name for service in plan.services}
