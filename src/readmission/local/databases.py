"""Choose where each database of the native run is: the user's own server, a private MariaDB, or an SQLite file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from readmission.errors import ReadmissionError
from readmission.local.environment import names_of
from readmission.local.graph import Step
from readmission.local.mariadb import USER, server_of
from readmission.local.programs import Found
from readmission.local.secret_files import SecretFiles
from readmission.local.settings import LocalSettings
from readmission.services import BY_NAME, SERVICES, ServiceSpec

MYSQL = BY_NAME["mysql"]
DATA = MYSQL.folders[0]


class DataLeftBehind(ReadmissionError):
    """An earlier run stored data in MariaDB, whose program is not installed any more."""


def missing_databases(chosen: Iterable[str], started: Iterable[ServiceSpec]) -> dict[str, str]:
    """The databases that ``started`` services read and whose URL the user did not set: name by the URL's variable."""
    read = names_of(*(spec.settings for spec in started if spec.settings))
    databases = (database for spec in SERVICES for database in spec.databases)
    return {each.setting: each.name for each in databases if each.setting in read.difference(chosen)}


def takes_mariadb(home: Path, found: Found) -> bool:
    """Whether the native run starts MariaDB. An earlier run with SQLite files stays with them.

    Raises :class:`DataLeftBehind` when an earlier run used MariaDB and it is not installed any more.
    """
    earlier = [home / name for name in (DATA.name, DATA.formerly) if name and (home / name).exists()]
    if earlier and not found.has(MYSQL):
        raise DataLeftBehind(f"mariadbd is not installed any more and data lie in {earlier[0]}")
    return found.has(MYSQL) and not _sqlite(home).exists()


def mariadb_urls(databases: Mapping[str, str], local: LocalSettings, secrets: SecretFiles) -> dict[str, str]:
    """The SQLAlchemy URL of each database in the private server, by its variable; makes the password if needed."""
    server, password = server_of(local), secrets.get("mysql_password")
    return {setting: server.url(name, USER, password) for setting, name in databases.items()}


def sqlite_urls(databases: Mapping[str, str], home: Path) -> dict[str, str]:
    """The SQLAlchemy URL of each database as an SQLite file, by its variable."""
    return {setting: f"sqlite:///{_sqlite(home)}/{name}.db" for setting, name in databases.items()}


def sqlite_folder(home: Path) -> Step:
    """The step that makes the folder of the SQLite files; it takes the place of the server's start."""
    return Step("sqlite-folder", lambda: _sqlite(home).mkdir(parents=True, exist_ok=True))


def sqlite_note(home: Path) -> str:
    """The note for the user that SQLite is used, and where the files are."""
    return f"The databases are SQLite files under {_sqlite(home)}."


def _sqlite(home: Path) -> Path:
    return home / "sqlite"
