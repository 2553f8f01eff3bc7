"""Which variables the services of the native run get from the one who starts them, and which from us."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from readmission.local.settings import LocalSettings
from readmission.settings import Settings

_LOOPBACK_NAMES = ("127.0.0.1", "localhost")


def chosen(settings: BaseSettings) -> dict[str, str]:
    """What the user set, by the variable's name: secrets revealed, paths absolute."""
    return {name.upper(): _text(getattr(settings, name)) for name in sorted(settings.model_fields_set)}


def base_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment that programs inherit: nothing that we set ourselves, no proxy for this machine's services.

    Another project's Airflow settings stay out, and so does what would make every start of Python slow.
    """
    ours = {name.upper() for settings in (Settings, LocalSettings) for name in settings.model_fields}
    unwanted = {*ours, "AIRFLOW_HOME", "PYTHONDONTWRITEBYTECODE"}
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
    return str(value)
