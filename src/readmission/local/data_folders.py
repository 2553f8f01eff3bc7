"""The folders under the home of the native run that hold its data, as the catalogue names them."""

import shutil
from functools import partial
from pathlib import Path

from readmission.local.graph import Step
from readmission.services import SERVICES, ServiceSpec

# folders of the native run that no service owns
_OF_THE_RUN = ("logs", "run", "secrets")


def move_step(spec: ServiceSpec, home: Path) -> Step | None:
    """The step that renames a service's data folders from an earlier release; None when there is nothing to rename."""
    moves = [
        (home / folder.formerly, home / folder.name)
        for folder in spec.folders
        if folder.formerly and (home / folder.formerly).exists() and not (home / folder.name).exists()
    ]
    return Step(f"{spec.name}-folders", partial(_move, moves)) if moves else None


def delete_data(home: Path) -> None:
    """Delete the folders that the native run made under ``home``; other files there stay."""
    of_services = [name for spec in SERVICES for folder in spec.folders for name in (folder.name, folder.formerly)]
    for name in (*of_services, *_OF_THE_RUN):
        if name:
            shutil.rmtree(home / name, ignore_errors=True)


def _move(moves: list[tuple[Path, Path]]) -> None:
    for source, destination in moves:
        source.rename(destination)
