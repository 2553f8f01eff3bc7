"""A private server of MySQL itself, which Debian's ``mysqld`` is not: there that name is a link to MariaDB."""

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from readmission.local.graph import Step
from readmission.local.mariadb import MariaDb, system_user
from readmission.local.native import Start
from readmission.local.programs import find_program
from readmission.local.service import Health


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
