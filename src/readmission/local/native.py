"""What a service's starter gets and gives: the native run around it, and how its program is started."""

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
    """One native run as it is planned.

    ``environment`` holds every variable that a settings class of the catalogue reads, ``started`` the services that are
    started here, ``databases`` the databases that are made here, each by the variable of its URL.
    """

    local: LocalSettings
    found: Found
    secrets: SecretFiles
    started: tuple[ServiceSpec, ...]
    environment: Mapping[str, str]
    databases: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.local.home

    def ports(self, name: str) -> dict[str, int]:
        """The ports of a service by their labels; none when it has none."""
        spec = BY_NAME[name]
        return spec.ports_from(self.local.port_of(spec)) if spec.ports else {}

    def url(self, name: str) -> str | None:
        """Where a service of this machine is reached; None when it has no port."""
        spec = BY_NAME[name]
        return f"{spec.scheme}://127.0.0.1:{self.local.port_of(spec)}" if spec.ports else None

    def settings(self, settings: type[SettingsT]) -> SettingsT:
        """The settings of one class as its service will read them."""
        return settings_from(settings, self.environment)


@dataclass(frozen=True)
class Start:
    """How a service's program is started; what the catalogue knows is not said again.

    ``environment`` is what it gets beside the variables of its settings class; of those, their defaults in the native
    run. ``health`` is what is asked where the catalogue has no route, or this one says more. ``before`` is the work
    that must be done first, ``after`` what must be done before those that depend on the service may start.
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
    """The function that the catalogue names; imported only now, since each brings its own libraries."""
    module, function = spec.native.split(":")
    starter: Starter = getattr(import_module(f"readmission.local.{module}"), function)
    return starter


def service_of(spec: ServiceSpec, start: Start, run: NativeRun, depends_on: tuple[str, ...] = ()) -> Service:
    """The service as the catalogue and its starter describe it, with the variables of its settings class only."""
    return Service(
        name=spec.name,
        command=start.command,
        environment={**start.environment, **given(spec.settings, run.environment)},
        health=start.health or Health(f"{run.url(spec.name)}{spec.health}"),
        ports=run.ports(spec.name),
        port_setting=spec.port_setting,
        depends_on=depends_on,
        url=run.url(spec.name),
        user=spec.user,
        password=run.secrets.get(spec.password) if spec.password else None,
        stop_seconds=start.stop_seconds,
        ready_seconds=start.ready_seconds,
        vital_children=start.vital_children,
    )
