"""The tables that ``make up`` and ``make status`` print."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from readmission.domain.data_source import SYNTHETIC
from readmission.local.first_run import Served
from readmission.local.service import Service

_ENDLESS = 1000


@dataclass(frozen=True)
class ServiceStatus:
    """The state of one service. ``state`` is supervisor's name for it; ``health`` is "well" or says what is wrong.

    ``pid`` is 0 when no process runs; ``uptime`` is in seconds.
    """

    service: Service
    state: str
    pid: int
    uptime: float
    health: str

    @property
    def is_well(self) -> bool:
        """Whether the service runs and its health check passed."""
        return self.health == "well"


def print_addresses(console: Console, services: Iterable[Service]) -> None:
    """Print the URL, user and password of each service that has a URL. Passwords are shown as they are."""
    rows = [(service.name, service.url, service.user, service.password) for service in services if service.url]
    _print(console, address_table(rows))


def address_table(rows: Iterable[Sequence[object]]) -> Table:
    """A row for each service: its name, URL, user and password; the READMEs show the same table."""
    return _table(("service", "URL", "user", "password"), rows)


def print_model(console: Console, served: Served) -> None:
    """Print the served model and its first prediction, with a warning when it was trained on synthetic data."""
    model, prediction = served.model, served.prediction
    metrics = model.get("metrics", {})
    rows = [
        ("model", f"{model['name']} version {model['version']}"),
        ("candidate", model.get("candidate")),
        ("test ROC AUC", _rounded(metrics.get("test_roc_auc"))),
        ("trained on", model.get("data_source")),
        ("first prediction", f"{prediction['probability']:.3f}, risk band {prediction['risk_band']}"),
    ]
    _print(console, _table(("what", "is"), rows))
    if model.get("data_source") == SYNTHETIC:
        console.print("SYNTHETIC DATA: this model knows no real patient and has no clinical meaning.", style="bold red")


def print_status(console: Console, statuses: Iterable[ServiceStatus]) -> None:
    """Print a row for each service."""
    rows = [
        (
            status.service.name,
            status.state,
            status.pid or "",
            _duration(status.uptime),
            status.health,
            status.service.url,
        )
        for status in statuses
    ]
    _print(console, _table(("service", "state", "pid", "up", "health", "URL"), rows))


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return table


def _print(console: Console, table: Table) -> None:
    # full width: a URL or password that is cut or wrapped for a narrow terminal cannot be copied
    needed = console.measure(table, options=console.options.update(width=_ENDLESS)).maximum
    Console(file=console.file, width=max(console.width, needed)).print(table)


def _rounded(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if seconds else ""
