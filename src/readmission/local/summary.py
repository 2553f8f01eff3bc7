"""The tables that ``make up`` and ``make status`` print."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from readmission.domain.data_source import SYNTHETIC
from readmission.domain.horizon import HORIZONS, HorizonName
from readmission.local.first_run import Served
from readmission.local.service import Service

_ENDLESS = 1000
_MODEL_ROWS = ("model", "candidate", "test ROC AUC", "calibrated", "trained on", "first prediction")


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


def print_models(console: Console, served: Served, note: str) -> None:
    """Print the model of each horizon with its first prediction. Say which are synthetic, which are missing, and why.

    ``note`` is that of the last pipeline run: it has a line for each horizon that the gate did not promote.
    """
    risks = {risk["horizon"]: risk for risk in served.prediction["risks"]}
    columns = [_model_column(model, risks.get(horizon)) for horizon, model in served.models.items()]
    words = [f"readmission {_words(horizon)}" for horizon in served.models]
    _print(console, _table(("what", *words), zip(_MODEL_ROWS, *columns, strict=True)))
    for horizon, model in served.models.items():
        if model is None:
            console.print(_why_missing(horizon, note), style="bold", markup=False, highlight=False)
    synthetic = [_words(horizon) for horizon, model in served.models.items() if _is_synthetic(model)]
    if synthetic:
        told = f"SYNTHETIC DATA (readmission {' and '.join(synthetic)}): what is trained on them knows no real patient"
        console.print(f"{told} and has no clinical meaning.", style="bold red")


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


def _model_column(model: Mapping[str, Any] | None, risk: Mapping[str, Any] | None) -> list[str | None]:
    if model is None:
        return ["none in production", *[None] * (len(_MODEL_ROWS) - 1)]
    return [
        f"{model['name']} version {model['version']}",
        model["candidate"],
        _rounded(model["metrics"].get("test_roc_auc")),
        "yes" if model["calibrated"] else "no: the risk is not a probability",
        model["data_source"],
        # a worker that has just loaded its model may answer after one that has not
        f"{risk['probability']:.3f}, risk band {risk['risk_band']}" if risk else None,
    ]


def _why_missing(horizon: HorizonName, note: str) -> str:
    """What the note says of a horizon; the subject of such a line is ``horizon`` or ``task horizon``."""
    lines = [line for line in note.splitlines() if horizon in line.partition(": ")[0].split()]
    told = f"There is no model of readmission {_words(horizon)} in production."
    return "\n  ".join([told, *lines, 'docs/runbook.md, "A horizon has no model", says what to do.'])


def _is_synthetic(model: Mapping[str, Any] | None) -> bool:
    return model is not None and model["data_source"] == SYNTHETIC


def _words(horizon: HorizonName) -> str:
    return HORIZONS[horizon].words["en"]


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
