"""The settings of the native run: where its data lies and which ports it takes."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, create_model, model_validator

from readmission.services import SERVICES, ServiceSpec
from readmission.settings.base import EnvironmentSettings

PROJECT = Path(__file__).resolve().parents[3]
_LONGEST_SOCKET_FOLDER = 80  # a socket's path ends at 107 bytes, and supervisord makes one with a longer name first
_PORTS = 65_536


def instance_of(home: Path) -> str:
    """The short name of the instance whose data lies in ``home``."""
    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]


def _port_field(spec: ServiceSpec) -> Any:
    """The first port of a service; the others must fit above it."""
    highest = max(spec.ports_from(0).values())
    return (int, Field(default=spec.default_port, ge=1, lt=_PORTS - highest))


if TYPE_CHECKING:
    _PortSettings = EnvironmentSettings  # a base class that is made at run time has no type
else:
    _PortSettings = create_model(
        "_PortSettings",
        __base__=EnvironmentSettings,
        **{spec.port_setting.lower(): _port_field(spec) for spec in SERVICES if spec.port_setting},
    )


class LocalSettings(_PortSettings):
    """The settings of the native run alone, and the ports of the catalogue."""

    readmission_home: Path = PROJECT / "var"
    install_programs: bool = True

    @model_validator(mode="after")
    def _absolute_home(self) -> Self:
        # frozen for others, not yet for this validator
        object.__setattr__(self, "readmission_home", self.readmission_home.expanduser().resolve())
        return self

    @property
    def home(self) -> Path:
        return self.readmission_home

    @property
    def run(self) -> Path:
        """Where sockets and generated configuration lie: beside the data, or where their paths are short enough."""
        run = self.home / "run"
        if len(os.fsencode(run)) <= _LONGEST_SOCKET_FOLDER:
            return run
        return Path("/tmp") / f"readmission-{os.geteuid()}-{self.instance}"  # noqa: S108 - made with mode 0700

    @property
    def instance(self) -> str:
        return instance_of(self.home)

    def port_of(self, spec: ServiceSpec) -> int:
        """The first port of a service that has one."""
        return int(getattr(self, spec.port_setting.lower()))
