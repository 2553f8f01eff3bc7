"""The candidate models. Each has one module, whose name is the candidate's and whose ``CANDIDATE`` declares it.

Airflow reads the names every few seconds, so this module imports no other library.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from readmission.modeling.candidate import Candidate

# in alphabetical order
CANDIDATE_NAMES = tuple(module.name for module in iter_modules(__path__))


def load(name: str) -> "Candidate":
    """The candidate of this name; raises ``KeyError`` for a name that is not in ``CANDIDATE_NAMES``."""
    # the name may come from a stored run, so it must not be able to import any other module
    if name not in CANDIDATE_NAMES:
        raise KeyError(name)
    candidate: Candidate = import_module(f"{__name__}.{name}").CANDIDATE
    return candidate
