"""Every setting stands in .env.example with the default that the code has, and no secret has one."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from readmission.local.environment import SERVICE_SETTINGS
from readmission.local.settings import LocalSettings

ROOT = Path(__file__).parents[2]
CLASSES = (*SERVICE_SETTINGS, LocalSettings)
FIELDS = {name: field for settings in CLASSES for name, field in settings.model_fields.items()}
SECRET_WORDS = ("key", "password", "secret", "token")
# an S3 access key is the name of a user, its secret key is the secret; a public key is no secret
NOT_SECRET = {"s3_access_key", "gate_public_key"}
# depends on where the project lies
COMPUTED = {"readmission_home"}


@pytest.fixture(scope="module")
def documented() -> dict[str, str]:
    """The variables of .env.example, also those that are commented out, by name."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = (line.lstrip("# ").split("=", 1) for line in lines if "=" in line)
    return {name: value for name, value in pairs if name.isupper() and name.isidentifier()}


def _is_secret(field) -> bool:
    return SecretStr in (field.annotation, *get_args(field.annotation))


def test_every_setting_is_documented(documented):
    assert [name for name in FIELDS if name.upper() not in documented] == []


def _default(name: str) -> object:
    """The default of the processes that have one: None is for those that do without."""
    defaults = {settings.model_fields[name].default for settings in CLASSES if name in settings.model_fields} - {None}
    assert len(defaults) <= 1, f"{name.upper()} has several defaults: {defaults}"
    return next(iter(defaults), None)


def test_the_documented_defaults_are_the_real_ones(documented):
    shown = {name: documented[name.upper()].split(" #")[0].strip() for name in FIELDS if name.upper() in documented}

    assert {name: value for name, value in shown.items() if not _same(value, _default(name), name)} == {}


def _same(shown: str, default: object, name: str) -> bool:
    if default is None or name in COMPUTED:
        return shown == ""
    if isinstance(default, bool):
        return shown.lower() in ({"true", "1"} if default else {"false", "0"})
    if isinstance(default, int | float):
        return float(shown) == float(default)
    if isinstance(default, tuple):
        return shown == ",".join(default)
    return shown == str(default)


def test_nothing_is_documented_that_no_code_reads(documented):
    assert set(documented) - {name.upper() for name in FIELDS} == set()


@pytest.mark.parametrize("name", [name for name in FIELDS if any(word in name for word in SECRET_WORDS)])
def test_what_sounds_secret_is_secret(name):
    assert name in NOT_SECRET or _is_secret(FIELDS[name])


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if _is_secret(field)])
def test_a_secret_has_no_default(name):
    assert FIELDS[name].default is None
