"""Private database servers: one that can be killed, and MySQL itself.

Debian's ``mysqld`` is not MySQL: there that name is a link to MariaDB.
"""

import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from direct_connection import connect
from readmission.adapters.database import InferenceDatabase
from readmission.local.graph import Step
from readmission.local.mariadb import MariaDb, system_user
from readmission.local.native import Start
from readmission.local.programs import find_program, find_programs
from readmission.local.service import Health
from readmission.services import BY_NAME

PASSWORD = "p@ss/w:rd%#é"
START_SECONDS = 30


@cache
def find_mysqld() -> Path | None:
    """MySQL's server program; None when there is none, or when it is MariaDB's."""
    program = find_program("mysqld")
    if program is None:
        return None
    version = subprocess.run([program, "--no-defaults", "--version"], check=True, capture_output=True, text=True).stdout
    return None if "MariaDB" in version else program


@dataclass(frozen=True)
class MySql(MariaDb):
    """One MySQL server with its own defaults, but for what this project asks of a server."""

    def start(self, before: tuple[Step, ...] = (), after: tuple[Step, ...] = ()) -> Start:
        """How the server is started; :meth:`initialise` must have been called."""
        command = (
            *self._program(),
            f"--socket={self.socket}",
            f"--pid-file={self.socket.with_suffix('.pid')}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--mysqlx=OFF",
            "--log-bin-trust-function-creators=1",
            f"--init-file={self._administrator()}",
        )
        return Start(command=command, health=Health(f"mariadb://{self.socket}"), before=before, after=after)

    def initialise(self) -> None:
        """Create the system tables, in which ``root`` has no password but can connect through the socket only."""
        self.directory.mkdir(mode=0o700)
        subprocess.run([*self._program(), "--initialize-insecure"], check=True, capture_output=True)
        user = system_user()
        self._administrator().write_text(
            f"CREATE USER IF NOT EXISTS '{user}'@'localhost';\n"
            f"GRANT ALL ON *.* TO '{user}'@'localhost' WITH GRANT OPTION;\n"
        )

    def _program(self) -> tuple[str, ...]:
        return (
            str(find_mysqld()),
            "--no-defaults",
            f"--user={system_user()}",
            f"--datadir={self.directory}",
            f"--tmpdir={self.socket.parent}",
            "--secure-file-priv=NULL",
        )

    def _administrator(self) -> Path:
        return self.socket.with_suffix(".sql")


class PrivateServer:
    """A server of one test alone, so that it can be killed and stopped."""

    def __init__(self, kind, directory, port):
        self.server = kind(directory / "data", directory / "sql.sock", port)
        self.server.initialise()
        self.log = directory / "log"
        self.process = None
        self.start()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.server.start().command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.server.create_databases(["inference_db"], "app", PASSWORD)
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def kill(self):
        self.process.kill()
        self.process.wait()

    def url(self, **changes):
        plain = make_url(self.server.url("inference_db", "app", "x"))
        return plain.set(**{"password": PASSWORD, **changes}).render_as_string(hide_password=False)


@contextmanager
def private_mariadb(directory, port):
    """A MariaDB of one test alone; skips the test where the program is not installed."""
    if not find_programs().has(BY_NAME["mysql"]):
        pytest.skip("mariadbd is not installed")
    started = PrivateServer(MariaDb, directory, port)
    try:
        yield started
    finally:
        started.kill()


@contextmanager
def without_predictions(server):
    """The inference database of a private server, migrated, with no prediction in it."""
    with InferenceDatabase(server.url()) as database:
        database.migrate()
        with connect(database) as connection:
            connection.execute(text("DELETE FROM predictions"))
            connection.commit()
        yield database
