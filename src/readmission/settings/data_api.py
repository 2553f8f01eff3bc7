"""The settings of the data API."""

from pathlib import Path

from pydantic import Field, SecretStr

from readmission.settings.parts import DataApiReaderSettings, ListenSettings, LogSettings

UCI_URL = "https://archive.ics.uci.edu/static/public/296/diabetes+130-us+hospitals+for+years+1999-2008.zip"
UCI_SHA256 = "0689e7ec031237dc63031b938805c48377748761a3b26acab621567afa24df97"


class DataApiSettings(DataApiReaderSettings, ListenSettings, LogSettings):
    """The source of the encounters, and the size and interval of the batches.

    ``data_path``: a file of encounters; None downloads the UCI archive, or makes synthetic rows when it is not
    available. ``batch_interval_seconds``: the time from one published batch to the next. ``data_api_key`` restarts the
    publication; it does not open the encounters.
    """

    data_path: Path | None = None
    data_cache: Path = Path("var/data-api")
    uci_url: str = UCI_URL
    uci_sha256: str = UCI_SHA256
    synthetic_rows: int = Field(default=101_766, ge=100)
    synthetic_seed: int = 0
    batch_size: int = Field(default=15_000, ge=1)
    batch_interval_seconds: float = Field(default=300, ge=0)
    data_api_port: int = Field(default=5001, ge=1, lt=65_536)
    data_api_key: SecretStr | None = None
