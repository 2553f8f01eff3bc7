"""The settings of the native run: where its data lies and which ports it takes."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from readmission.local.processes import instance_of

PROJECT = Path(__file__).resolve().parents[3]
_LONGEST_SOCKET_FOLDER = 80  # a socket's path ends at 107 bytes, and supervisord makes one with a longer name first


class LocalSettings(BaseSettings):
    """Frozen; each field is the environment variable of the same name in upper case, as in ``Settings``."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    readmission_home: Path = PROJECT / "var"
    mariadb_port: int = Field(default=13_306, ge=1024, lt=65_536)
    s3_port: int = Field(
        default=9000, ge=1024, lt=55_530, description="takes the four ports above it, too, and + 10,000"
    )
    mlflow_port: int = Field(default=5000, ge=1024, lt=65_536)
    airflow_port: int = Field(default=8080, ge=1024, lt=65_536)
    streamlit_port: int = Field(default=8501, ge=1024, lt=65_536)
    prometheus_port: int = Field(default=9090, ge=1024, lt=65_536)
    mlflow_backend_store_uri: SecretStr | None = None
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
