import yaml

from readmission.local.prometheus import write_configuration

SOURCE = {
    "global": {"scrape_interval": "15s"},
    "scrape_configs": [{"job_name": "one", "static_configs": [{"targets": ["one:80"]}]}],
}
JOBS = [{"job_name": "two", "metrics_path": "/m", "static_configs": [{"targets": ["127.0.0.1:1"]}]}]


def test_the_repositorys_configuration_gets_the_jobs_of_this_machine(tmp_path):
    source, destination = tmp_path / "source.yml", tmp_path / "prometheus.yml"
    source.write_text(yaml.safe_dump(SOURCE))

    write_configuration(source, destination, JOBS)

    assert yaml.safe_load(destination.read_text()) == {**SOURCE, "scrape_configs": JOBS}
    assert yaml.safe_load(source.read_text()) == SOURCE
