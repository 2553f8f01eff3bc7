"""A private MariaDB server with its own data directory, socket and port; it reads no system configuration."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mysql.connector

from readmission.local.graph import Step
from readmission.local.native import NativeRun, Start
from readmission.local.programs import find_program
from readmission.local.service import Health
from readmission.local.settings import LocalSettings
from readmission.services import BY_NAME

USER = "readmission"


def _install_db(directory: Path) -> None:
    command = [
        str(find_program("mariadb-install-db")),
        "--no-defaults",
        f"--datadir={directory}",
        f"--user={system_user()}",
        "--auth-root-authentication-method=socket",
        "--skip-test-db",
        # in a shared folder, another server that starts deletes these temporary files
        f"--tmpdir={directory.parent}",
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)


def system_user() -> str:
    """The name of this process's effective user, as the server's socket sees it; USER in the environment may differ."""
    return pwd.getpwuid(os.geteuid()).pw_name


@dataclass(frozen=True)
class MariaDb:
    """One MariaDB server; the path of ``socket`` must be shorter than 108 characters."""

    directory: Path
    socket: Path
    port: int

    def start(self, before: tuple[Step, ...] = (), after: tuple[Step, ...] = ()) -> Start:
        """How the server is started. ``before`` must include :meth:`initialise`, unless that was done already."""
        return Start(
            command=(
                str(find_program("mariadbd")),
                "--no-defaults",  # an option file of the system would set other paths
                f"--user={system_user()}",
                f"--datadir={self.directory}",
                f"--socket={self.socket}",
                f"--pid-file={self.socket.with_suffix('.pid')}",
                f"--tmpdir={self.socket.parent}",  # in a shared folder, servers delete each other's temporary files
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--local-infile=1",
                "--innodb-flush-log-at-trx-commit=2",  # faster; a crash may lose the last second
                "--character-set-server=utf8mb4",
                "--collation-server=utf8mb4_unicode_ci",
            ),
            health=Health(f"mariadb://{self.socket}"),
            before=before,
            after=after,
        )

    def initialise(self) -> None:
        """Create the system tables unless they exist; only this system user can administer them.

        Raises ``subprocess.CalledProcessError`` when the creation fails.
        """
        if (self.directory / "mysql").exists():
            return
        unfinished = self.directory.with_name(f"{self.directory.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        with tempfile.TemporaryDirectory() as plain:
            # mariadb-install-db is a shell script that fails when the path has a space
            link = Path(plain) / "data"
            link.symlink_to(unfinished)
            _install_db(link)
        unfinished.rename(self.directory)

    def create_databases(self, names: Iterable[str], user: str, password: str) -> None:
        """Create missing databases and ``user``, set its password and grant it all rights on them.

        The user can connect from 127.0.0.1 only. Calling it again changes nothing. Raises ``mysql.connector.Error``.
        """
        with mysql.connector.connect(unix_socket=str(self.socket), user=system_user()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"CREATE USER IF NOT EXISTS '{user}'@'127.0.0.1' IDENTIFIED BY %s", (password,))
            cursor.execute(f"ALTER USER '{user}'@'127.0.0.1' IDENTIFIED BY %s", (password,))
            for name in names:
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}`")
                cursor.execute(f"GRANT ALL ON `{name}`.* TO '{user}'@'127.0.0.1'")

    def url(self, name: str, user: str, password: str) -> str:
        """The SQLAlchemy URL of one database."""
        return f"mysql+mysqlconnector://{user}:{password}@127.0.0.1:{self.port}/{name}"


def server_of(local: LocalSettings) -> MariaDb:
    """The MariaDB server of the native run with these settings."""
    return MariaDb(local.home / "mysql", local.run / "mysql.sock", local.port_of(BY_NAME["mysql"]))


def start(run: NativeRun) -> Start:
    """The database server. Its system tables are made before the start, the databases and their user after it."""
    server = server_of(run.local)
    password = run.secrets.get("mysql_password")
    create = partial(server.create_databases, run.databases.values(), USER, password)
    return server.start(
        before=(Step("mysql-data", server.initialise),),
        after=(Step("mysql-databases", create, ("mysql",)),),
    )
