from pathlib import Path

import pytest

from readmission.errors import NotFound
from readmission.local.tables import GENERATED, addresses, outdated, replaced, scrape_jobs, what_runs, when_down
from readmission.services import SERVICES

FILE = "before\n<!-- services: written by make tables -->\nold\n\nold\n<!-- end of services -->\nafter\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The files that are written, each with an old section."""
    for name in GENERATED:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(FILE)
    return tmp_path


def test_only_what_is_between_the_two_lines_is_replaced():
    assert replaced("a.md", FILE, "new\n") == FILE.replace("old\n\nold\n", "new\n")


def test_a_section_that_is_empty_is_filled():
    empty = replaced("a.md", FILE, "")

    assert replaced("a.md", empty, "new\n") == replaced("a.md", FILE, "new\n")


def test_a_backslash_of_a_section_stays():
    assert "\\1 \\n" in replaced("a.md", FILE, "\\1 \\n\n")


@pytest.mark.parametrize("text", ["no lines\n", FILE + FILE, FILE.replace("end of services", "")])
def test_a_file_without_its_two_lines_is_an_error(text):
    with pytest.raises(NotFound, match=r"a\.md must have the lines"):
        replaced("a.md", text, "new\n")


def test_a_file_that_is_written_is_not_outdated_any_more(repository):
    first = outdated(repository)
    for name, text in first.items():
        (repository / name).write_text(text)

    assert first.keys() == GENERATED.keys()
    assert outdated(repository) == {}


def test_every_service_has_a_row():
    names = [f"`{spec.name}`" for spec in SERVICES]

    assert [line.split()[1] for line in what_runs().splitlines()[2:]] == names
    assert [line.split()[1] for line in when_down().splitlines()[2:]] == names


def test_what_a_service_with_a_port_and_metrics_has_is_told():
    assert [spec.name for spec in SERVICES if spec.ports and f"│ {spec.name} " not in addresses()] == []
    assert [spec.name for spec in SERVICES if spec.metrics and f"job_name: {spec.name}\n" not in scrape_jobs()] == []


def test_the_environment_does_not_colour_the_table_of_a_document(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert "\x1b" not in addresses()
