"""What the documents and ``prometheus.yml`` tell of each service, made from the catalogue.

``make tables`` runs this module. It writes between two lines of each file, ``BEGIN`` and ``END`` as comments of the
file's format. The rest of a file is written by hand.
"""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from readmission.errors import NotFound
from readmission.local.settings import PROJECT
from readmission.local.summary import address_table
from readmission.services import SERVICES, ServiceSpec

BEGIN = "services: written by make tables"
END = "end of services"


def addresses() -> str:
    """The table with which ``make up`` ends, as a block of text: every service that has a port."""
    rows = [
        (
            spec.name,
            f"{spec.scheme}://127.0.0.1:{spec.default_port}",
            spec.user,
            "(made on your machine)" if spec.password else None,
        )
        for spec in SERVICES
        if spec.ports
    ]
    console = Console(file=io.StringIO(), width=120, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(address_table(rows))
    return f"```\n{capture.get()}```\n"


def what_runs() -> str:
    """The architecture's table: what each service is, its port, what it does, the data it owns, its health route."""
    return _markdown(
        ("Service", "Port", "Does", "Its data", "Health"),
        (
            (
                f"`{spec.name}`" + (f" ({spec.software})" if spec.software else ""),
                str(spec.default_port) if spec.ports else "",
                spec.purpose,
                ", ".join(f"`{name}`" for name in _data(spec)),
                _health(spec),
            )
            for spec in SERVICES
        ),
    )


def when_down() -> str:
    """The runbook's table: what works without a service, and how its log is read."""
    return _markdown(
        ("Down", "What still works", "Its log"),
        ((f"`{spec.name}`", spec.while_down, f"`make logs SERVICE={spec.name}`") for spec in SERVICES),
    )


def scrape_jobs() -> str:
    """Prometheus' jobs at the addresses of the containers: the name of a service is its host."""
    return "\n".join(
        f"  - job_name: {spec.name}\n"
        f"    metrics_path: {spec.metrics.route}\n"
        f"    static_configs:\n"
        f'      - targets: ["{spec.name}:{spec.ports_from(spec.ports[0].number)[spec.metrics.port]}"]\n'
        for spec in SERVICES
        if spec.metrics
    )


GENERATED: Mapping[str, Callable[[], str]] = {
    "README.md": addresses,
    "README.es.md": addresses,
    "docs/architecture.md": what_runs,
    "docs/runbook.md": when_down,
    "prometheus.yml": scrape_jobs,
}


def replaced(name: str, text: str, section: str) -> str:
    """The text of the file ``name`` with ``section`` between its two lines; raises ``NotFound`` without them."""
    marked = re.compile(rf"^(.*{BEGIN}.*\n)(?:.*\n)*?(.*{END}.*)$", re.MULTILINE)
    found, count = marked.subn(lambda match: f"{match[1]}{section}{match[2]}", text)
    if count != 1:
        raise NotFound(f"{name} must have the lines {BEGIN!r} and {END!r} once; it has them {count} times.")
    return found


def outdated(root: Path) -> dict[str, str]:
    """The files under ``root`` that are not as the catalogue has it, each with the text that it should have."""
    texts = {name: (root / name).read_text(encoding="utf-8") for name in GENERATED}
    wanted = {name: replaced(name, text, GENERATED[name]()) for name, text in texts.items()}
    return {name: text for name, text in wanted.items() if text != texts[name]}


def main() -> None:
    """Write the files of the repository that are outdated; say which."""
    for name, text in outdated(PROJECT).items():
        (PROJECT / name).write_text(text, encoding="utf-8")
        print(f"{name} is written anew")


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head, *body = (f"| {' | '.join(cells)} |" for cells in (columns, *rows))
    return "\n".join([head, "|" + "---|" * len(columns), *body, ""])


def _data(spec: ServiceSpec) -> tuple[str, ...]:
    return (*(database.name for database in spec.databases), *spec.buckets)


def _health(spec: ServiceSpec) -> str:
    if spec.health:
        return f"`{spec.health}`"
    return "a connection" if spec.ports else ""


if __name__ == "__main__":
    main()
