"""The environment variables of the native run's services: which come from the user, and which this package sets."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from readmission.local.settings import LocalSettings
from readmission.services import SERVICES
from readmission.settings.base import EnvironmentSettings

SettingsT = TypeVar("SettingsT", bound=EnvironmentSettings)

_LOOPBACK_NAMES = ("127.0.0.1", "localhost")
# each class once, in order
SERVICE_SETTINGS = tuple(dict.fromkeys(spec.settings for spec in SERVICES if spec.settings))


def names_of(*classes: type[EnvironmentSettings]) -> set[str]:
    """The environment variables that these classes read."""
    return {name.upper() for settings in classes for name in settings.model_fields}


def chosen(*classes: type[EnvironmentSettings]) -> dict[str, str]:
    """The variables of these classes that the user set: secrets as plain text, paths absolute.

    Raises pydantic's ``ValidationError`` for an invalid value.
    """
    found = (settings() for settings in classes)
    return {name.upper(): _text(getattr(each, name)) for each in found for name in sorted(each.model_fields_set)}


def given(settings: type[EnvironmentSettings] | None, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of ``environment`` that this settings class reads; empty when ``settings`` is None."""
    names = names_of(settings) if settings else set()
    return {name: value for name, value in environment.items() if name in names}


def settings_from(settings: type[SettingsT], environment: Mapping[str, str]) -> SettingsT:
    """Settings from these variables; a field that they do not set is read from this process's environment.

    Raises pydantic's ``ValidationError`` for an invalid value.
    """
    return settings.model_validate({name.lower(): value for name, value in given(settings, environment).items()})


def base_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment that the started programs inherit.

    It leaves out every variable of a service's settings, every Airflow and supervisor setting, and
    ``PYTHONDONTWRITEBYTECODE``, which makes each start of Python slow. It excludes the loopback address from proxies.
    """
    unwanted = {*names_of(*SERVICE_SETTINGS, LocalSettings), "AIRFLOW_HOME", "PYTHONDONTWRITEBYTECODE"}
    kept = {
        name: value
        for name, value in environ.items()
        if name not in unwanted and not name.startswith(("AIRFLOW__", "SUPERVISOR_"))
    }
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(dict.fromkeys(_listed(environ.get(name, ""), _LOOPBACK_NAMES)))
    return kept


def _listed(value: str, more: Iterable[str]) -> list[str]:
    return [item for item in (*value.split(","), *more) if item]


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.expanduser().resolve())
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)
