"""The candidates: one module each, whose ``CANDIDATE`` says all that the platform must know about it.

The module's name is the candidate's name. Airflow reads the names every few seconds, so this module loads no library.
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
    # a name comes from a stored run as well: it must not import any other module
    if name not in CANDIDATE_NAMES:
        raise KeyError(name)
    candidate: Candidate = import_module(f"{__name__}.{name}").CANDIDATE
    return candidate
