"""The settings of the native run: the folder of its data and the ports of its services."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, create_model, model_validator

from readmission.services import SERVICES, ServiceSpec
from readmission.settings.base import EnvironmentSettings

PROJECT = Path(__file__).resolve().parents[3]
_LONGEST_SOCKET_FOLDER = 80  # a socket's path has at most 107 bytes, and supervisord first makes a longer one
_PORTS = 65_536


def instance_of(home: Path) -> str:
    """The short name of the instance in ``home``: 12 hexadecimal digits, from the sha256 of its absolute path."""
    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]


def _port_field(spec: ServiceSpec) -> Any:
    """The field of a service's first port; its other ports must be valid too."""
    highest = max(spec.ports_from(0).values())
    return (int, Field(default=spec.default_port, ge=1, lt=_PORTS - highest))


if TYPE_CHECKING:
    _PortSettings = EnvironmentSettings  # mypy cannot check a base class that is made at run time
else:
    _PortSettings = create_model(
        "_PortSettings",
        __base__=EnvironmentSettings,
        **{spec.port_setting.lower(): _port_field(spec) for spec in SERVICES if spec.port_setting},
    )


class LocalSettings(_PortSettings):
    """The data folder of the native run, whether it may install programs, and a port field for each service."""

    readmission_home: Path = PROJECT / "var"
    install_programs: bool = True

    @model_validator(mode="after")
    def _absolute_home(self) -> Self:
        # the class is frozen, so this validator cannot assign the attribute
        object.__setattr__(self, "readmission_home", self.readmission_home.expanduser().resolve())
        return self

    @property
    def home(self) -> Path:
        """The folder of all data of the native run, as an absolute path."""
        return self.readmission_home

    @property
    def run(self) -> Path:
        """The folder of sockets and configuration: in ``home``, or under /tmp when that path is too long."""
        run = self.home / "run"
        if len(os.fsencode(run)) <= _LONGEST_SOCKET_FOLDER:
            return run
        return Path("/tmp") / f"readmission-{os.geteuid()}-{self.instance}"  # noqa: S108 - made with mode 0700

    @property
    def instance(self) -> str:
        """The short name of this instance; see :func:`instance_of`."""
        return instance_of(self.home)

    def port_of(self, spec: ServiceSpec) -> int:
        """The first port of a service; only for a service that has ports."""
        return int(getattr(self, spec.port_setting.lower()))

    def url_of(self, spec: ServiceSpec) -> str | None:
        """The loopback URL of a service's first port; None when it has no port."""
        return f"{spec.scheme}://127.0.0.1:{self.port_of(spec)}" if spec.ports else None
