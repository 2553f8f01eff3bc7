"""The base class of all settings."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from readmission.errors import MissingSetting


class EnvironmentSettings(BaseSettings):
    """Frozen settings; an empty variable counts as not set. Secrets have no default."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    def require(self, name: str) -> str:
        """The value of an optional field as plain text, also of a secret.

        Raises :class:`MissingSetting` when it is not set.
        """
        value = getattr(self, name)
        if value is None:
            raise MissingSetting(name.upper())
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
