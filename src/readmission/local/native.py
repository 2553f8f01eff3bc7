"""The contract of a service's starter function: it takes a ``NativeRun`` and returns a ``Start``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from readmission.local.environment import SettingsT, given, settings_from
from readmission.local.graph import Step
from readmission.local.programs import Found
from readmission.local.secret_files import SecretFiles
from readmission.local.service import Health, Service
from readmission.local.settings import LocalSettings
from readmission.services import BY_NAME, ServiceSpec


@dataclass(frozen=True)
class NativeRun:
    """The plan of one native run.

    ``started``: the services that this run starts. ``environment``: the variables of all settings classes in the
    catalogue, secrets included. ``databases``: the names of the databases that this run makes, by the variable of
    their URL.
    """

    local: LocalSettings
    found: Found
    secrets: SecretFiles
    started: tuple[ServiceSpec, ...]
    environment: Mapping[str, str]
    databases: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The folder of the native run's data."""
        return self.local.home

    def ports(self, name: str) -> dict[str, int]:
        """The ports of a service by their labels; empty when it has no port."""
        spec = BY_NAME[name]
        return spec.ports_from(self.local.port_of(spec)) if spec.ports else {}

    def settings(self, settings: type[SettingsT]) -> SettingsT:
        """The settings of one class, with the values that its service will read."""
        return settings_from(settings, self.environment)


@dataclass(frozen=True)
class Start:
    """How a service's program is started, in addition to what the catalogue says.

    ``environment``: extra variables, and defaults for those of the settings class. ``health``: replaces the health
    route of the catalogue. ``before``: steps that run before the start. ``after``: steps that run after it and before
    the services that depend on this one. ``stop_seconds``: time to stop before the program is killed.
    ``ready_seconds``: time to become healthy. ``vital_children``: restart the program when it loses a child process.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    health: Health | None = None
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    stop_seconds: float = 5.0
    ready_seconds: float = 120.0
    vital_children: bool = False


Starter = Callable[[NativeRun], Start]


def starter_of(spec: ServiceSpec) -> Starter:
    """The starter function that the catalogue names. Its module is imported here, because it imports more libraries."""
    module, function = spec.native.split(":")
    starter: Starter = getattr(import_module(f"readmission.local.{module}"), function)
    return starter


def service_of(spec: ServiceSpec, start: Start, run: NativeRun, depends_on: tuple[str, ...] = ()) -> Service:
    """The service from its catalogue entry and its ``Start``.

    Of the run's environment it gets the variables of its settings class only.
    """
    url = run.local.url_of(spec)
    return Service(
        name=spec.name,
        command=start.command,
        environment={**start.environment, **given(spec.settings, run.environment)},
        health=start.health or Health(f"{url}{spec.health}"),
        ports=run.ports(spec.name),
        port_setting=spec.port_setting,
        depends_on=depends_on,
        url=url,
        user=spec.user,
        password=run.secrets.get(spec.password) if spec.password else None,
        stop_seconds=start.stop_seconds,
        ready_seconds=start.ready_seconds,
        vital_children=start.vital_children,
    )
