"""A private MariaDB server: its own data directory, socket and port, nothing of the system's."""

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
        # another server that starts meanwhile deletes what it takes for its own in a shared folder
        f"--tmpdir={directory.parent}",
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)


def system_user() -> str:
    """The name of this process's user, as the server's socket sees it; the environment may name another."""
    return pwd.getpwuid(os.geteuid()).pw_name


@dataclass(frozen=True)
class MariaDb:
    """One server; ``socket`` must be shorter than 108 characters."""

    directory: Path
    socket: Path
    port: int

    def start(self, before: tuple[Step, ...] = (), after: tuple[Step, ...] = ()) -> Start:
        return Start(
            command=(
                str(find_program("mariadbd")),
                "--no-defaults",  # an option file of the system would bring its own paths
                f"--user={system_user()}",
                f"--datadir={self.directory}",
                f"--socket={self.socket}",
                f"--pid-file={self.socket.with_suffix('.pid')}",
                f"--tmpdir={self.socket.parent}",  # in a shared one, each server deletes the other's at its start
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--local-infile=1",
                "--innodb-flush-log-at-trx-commit=2",  # a laptop may lose one second, not its patience
                "--character-set-server=utf8mb4",
                "--collation-server=utf8mb4_unicode_ci",
            ),
            health=Health(f"mariadb://{self.socket}"),
            before=before,
            after=after,
        )

    def initialise(self) -> None:
        """Create the system tables unless they are there; only this system user is their administrator."""
        if (self.directory / "mysql").exists():
            return
        unfinished = self.directory.with_name(f"{self.directory.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        with tempfile.TemporaryDirectory() as plain:
            # its shell script trips over a space in the path
            link = Path(plain) / "data"
            link.symlink_to(unfinished)
            _install_db(link)
        unfinished.rename(self.directory)

    def create_databases(self, names: Iterable[str], user: str, password: str) -> None:
        """Create what is missing and let ``user`` in from this machine with ``password``; safe to repeat."""
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
    """The server of a native run."""
    return MariaDb(local.home / "mysql", local.run / "mysql.sock", local.port_of(BY_NAME["mysql"]))


def start(run: NativeRun) -> Start:
    server = server_of(run.local)
    password = run.secrets.get("mysql_password")
    create = partial(server.create_databases, run.databases.values(), USER, password)
    return server.start(
        before=(Step("mysql-data", server.initialise),),
        after=(Step("mysql-databases", create, ("mysql",)),),
    )
