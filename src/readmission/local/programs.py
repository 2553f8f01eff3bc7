"""Programs that are no Python packages: find them on this machine, or install them with apt without a password."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from readmission.local.report import Report
from readmission.services import BY_NAME, SERVICES, ServiceSpec

SEARCH = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin"

POLICY = Path("/usr/sbin/policy-rc.d")
# Debian starts a service when its package is installed, and at each boot: this script prevents both. The processes of
# an installation hold a lock on the policy file. Without that lock the file allows every start and deletes itself, so
# a killed installation leaves no service of the machine blocked.
_INSTALL = """
export DEBIAN_FRONTEND=noninteractive
policy=$1
shift
if [ ! -e "$policy" ] || grep -q '^# readmission' "$policy"; then
  cat >"$policy" <<'END'
#!/bin/sh
# readmission made this file for the time of an installation
flock --nonblock "$0" true && rm -f "$0" && exit 0
exit 101
END
  # it has no effect before it is executable
  exec 9<"$policy"
  flock --shared 9
  trap 'flock --exclusive --nonblock 9 && rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM HUP
  chmod 755 "$policy"
fi
install() { apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; }
install "$@" || { apt-get update -q && install "$@"; } || exit 1
for package; do
  if [ -e "/etc/init.d/$package" ]; then update-rc.d "$package" disable; fi
done
"""


@dataclass(frozen=True)
class Found:
    """The programs of the catalogue that this machine has, by name."""

    paths: Mapping[str, Path]

    def has(self, spec: ServiceSpec) -> bool:
        """Whether all programs that a service needs are installed."""
        return spec.programs is None or self.paths.keys() >= set(spec.programs.names)

    def path(self, name: str) -> Path:
        """Where a program is; raises ``KeyError`` when it is not installed."""
        return self.paths[name]


@dataclass(frozen=True)
class Installable:
    """A program or library that apt can install for a service; ``without`` says what is missing until then."""

    name: str
    service: str
    packages: tuple[str, ...]
    without: str


# LightGBM's wheel needs the system's OpenMP library; scikit-learn's wheel contains its own
OPENMP = Installable("libgomp", "airflow-scheduler", ("libgomp1",), "no model can be trained")
INSTALLABLE = (
    *(
        Installable(spec.programs.names[0], spec.name, spec.programs.packages, spec.programs.without)
        for spec in SERVICES
        if spec.programs
    ),
    OPENMP,
)


def find_programs() -> Found:
    """Look for every program that the catalogue names."""
    paths = {name: find_program(name) for name in _names()}
    return Found({name: path for name, path in paths.items() if path})


def has_openmp() -> bool:
    """Whether the OpenMP library that LightGBM needs can be loaded; always True outside of Linux."""
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return False
    return True


def with_everything(found: Found) -> Found:
    """The programs as they would be found after all installations; the paths of missing ones are assumed."""
    return Found({name: Path("/usr/bin", name) for name in _names()} | dict(found.paths))


def environment_program(name: str) -> str:
    """The path of a program in this process's Python environment, which need not be on PATH."""
    return str(Path(sys.executable).with_name(name))


def find_program(name: str) -> Path | None:
    """A program on PATH or in the usual folders for servers; None when it is not installed."""
    found = shutil.which(name) or shutil.which(name, path=SEARCH)
    return Path(found) if found else None


def apt_prefix() -> list[str] | None:
    """The words before an apt-get command: none for root, ``sudo -n`` for others. None when it needs a password."""
    if find_program("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    sudo = find_program("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0:
        return [str(sudo), "-n"]
    return None


def install_missing(log: Path, report: Report, wanted: Iterable[str] | None = None) -> list[str]:
    """Install the missing programs of the services in ``wanted`` (None: all) when that needs no password.

    Returns a sentence for each program that is still missing: what is missing with it, and how to install it. The
    output of apt is appended to ``log``.
    """
    found, prefix = find_programs(), apt_prefix()
    notes = []
    for item in INSTALLABLE:
        if _is_present(item, found) or (wanted is not None and item.service not in wanted):
            continue
        packages = " ".join(item.packages)
        if prefix is not None:
            with report.doing(f"apt-get install {packages}", "done"):
                installed = _install(item.packages, prefix, log)
            if installed:
                continue
        notes.append(f"{item.name} is not installed ({item.without}); to have it: apt-get install {packages}")
    return notes


def _names() -> list[str]:
    return [name for spec in SERVICES if spec.programs for name in spec.programs.names]


def _is_present(item: Installable, found: Found) -> bool:
    return has_openmp() if item is OPENMP else found.has(BY_NAME[item.service])


def _install(packages: Iterable[str], prefix: list[str], log: Path) -> bool:
    """Install Debian packages without starting their services; returns whether apt succeeded."""
    with log.open("ab") as output:
        done = subprocess.run(
            [*prefix, "/bin/sh", "-c", _INSTALL, "sh", str(POLICY), *packages],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return done.returncode == 0
