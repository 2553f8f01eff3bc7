"""Programs that are no Python packages: found on this machine, or installed with apt where nobody has to be asked."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from readmission.local.report import Report

_SEARCH = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin"

_POLICY = Path("/usr/sbin/policy-rc.d")
# Debian starts a service when it installs one: not here, and not at the next boot either
_INSTALL = """
export DEBIAN_FRONTEND=noninteractive
policy=$1
shift
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM HUP
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
fi
install() { apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; }
install "$@" || { apt-get update -q && install "$@"; } || exit 1
for package; do
  if [ -e "/etc/init.d/$package" ]; then update-rc.d "$package" disable; fi
done
"""


@dataclass(frozen=True)
class Programs:
    """What this machine has beside the Python packages."""

    mariadb: bool
    prometheus: Path | None


@dataclass(frozen=True)
class Installable:
    """What apt can bring for a service; ``without`` is how things are as long as it is missing."""

    name: str
    service: str
    packages: tuple[str, ...]
    without: str


INSTALLABLE = (
    Installable("mariadb", "mariadb", ("mariadb-server-core", "mariadb-client"), "SQLite files take its place"),
    Installable("prometheus", "prometheus", ("prometheus",), "there are no metrics over time"),
    Installable("libgomp", "airflow-scheduler", ("libgomp1",), "no model can be trained"),
)


def find_programs() -> Programs:
    mariadb = all(find_program(name) for name in ("mariadbd", "mariadb-install-db"))
    return Programs(mariadb, find_program("prometheus"))


def has_openmp() -> bool:
    """Whether the OpenMP library is there that LightGBM's wheel takes from the system, unlike scikit-learn's."""
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return False
    return True


def with_everything(found: Programs) -> Programs:
    """As it would be after every installation."""
    return Programs(True, found.prometheus or Path("/usr/bin/prometheus"))


def environment_program(name: str) -> str:
    """A program of the Python environment that this process runs in, whether the path leads there or not."""
    return str(Path(sys.executable).with_name(name))


def find_program(name: str) -> Path | None:
    """A program on the path or in the usual folders for servers, which are not on every user's path."""
    found = shutil.which(name) or shutil.which(name, path=_SEARCH)
    return Path(found) if found else None


def apt_prefix() -> list[str] | None:
    """What to put before a command that may install packages; None where that is not possible without asking."""
    if find_program("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    sudo = find_program("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0:
        return [str(sudo), "-n"]
    return None


def install_missing(log: Path, report: Report, wanted: Iterable[str] | None = None) -> list[str]:
    """Install the programs of the services that are ``wanted`` (all by default), where nobody has to be asked.

    Says of each that is still missing what that means, and how to have it.
    """
    found, prefix = find_programs(), apt_prefix()
    present = {"mariadb": found.mariadb, "prometheus": found.prometheus is not None, "libgomp": has_openmp()}
    notes = []
    for item in INSTALLABLE:
        if present[item.name] or (wanted is not None and item.service not in wanted):
            continue
        packages = " ".join(item.packages)
        if prefix is not None:
            with report.doing(f"apt-get install {packages}", "done"):
                installed = _install(item.packages, prefix, log)
            if installed:
                continue
        notes.append(f"{item.name} is not installed ({item.without}); to have it: apt-get install {packages}")
    return notes


def _install(packages: Iterable[str], prefix: list[str], log: Path) -> bool:
    """Install Debian packages without starting their services; what apt says goes to ``log``. Whether it worked."""
    with log.open("ab") as output:
        done = subprocess.run(
            [*prefix, "/bin/sh", "-c", _INSTALL, "sh", str(_POLICY), *packages],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return done.returncode == 0
