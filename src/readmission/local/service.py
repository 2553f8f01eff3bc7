"""A service of the native run as plain data, which is written to a file and read back."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SERVICES_FILE = "services.json"


@dataclass(frozen=True)
class Health:
    """How to check a service's health.

    ``url`` is an HTTP route that must answer 200, or ``mariadb://`` and the path of a socket. With ``heartbeat``, the
    route is Airflow's health report, and the named component must have sent a heartbeat since its process started.
    """

    url: str
    heartbeat: str | None = None


@dataclass(frozen=True)
class Service:
    """One long-running program. ``environment`` may hold secrets, ``command`` never does.

    ``depends_on``: services and steps that must be done before. ``user`` and ``password`` sign in at ``url``.
    ``vital_children``: the program is restarted when it loses a child process.
    """

    name: str
    command: tuple[str, ...]
    health: Health
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    port_setting: str = ""
    depends_on: tuple[str, ...] = ()
    url: str | None = None
    user: str | None = None
    password: str | None = None
    stop_seconds: float = 5.0
    vital_children: bool = False
    ready_seconds: float = 120.0


def write_private(path: Path, text: str) -> None:
    """Replace the file ``path`` atomically; its mode is 0600."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def save_services(path: Path, services: Iterable[Service]) -> None:
    """Write services to a JSON file of mode 0600, in order."""
    write_private(path, json.dumps([asdict(service) for service in services], indent=1))


def load_services(path: Path) -> dict[str, Service]:
    """The services that :func:`save_services` wrote, by name and in order; empty when the file does not exist."""
    if not path.exists():
        return {}
    return {item["name"]: _service(item) for item in json.loads(path.read_text())}


def _service(item: dict[str, Any]) -> Service:
    lists = {"command": tuple(item["command"]), "depends_on": tuple(item["depends_on"])}
    return Service(**{**item, **lists, "health": Health(**item["health"])})
