"""The two features that the drugs of an encounter determine: ``change_medication`` and ``diabetesMed``.

``diabetesMed`` is Yes exactly when a drug is given. ``change_medication`` is Ch exactly when a dose goes up or down, or
more than one drug is given. Source: each of the 86,572 encounters of the data set that were examined. A drug that is
left out is not given.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from readmission.domain.schema import DOSES, DRUGS, FEATURES, NAME_OF_RAW

DERIVED = ("change_medication", "diabetesMed")
DRUG_NAMES = tuple(NAME_OF_RAW[drug] for drug in DRUGS)
DRUG_FEATURES = tuple(column.name for column in FEATURES if column.values == DOSES)


class Contradiction(NamedTuple):
    """A derived feature with another value than the drugs determine. ``reason`` names the drugs."""

    name: str
    expected: str
    reason: str


def medication(encounter: Mapping[str, Any]) -> tuple[str, str]:
    """The values of ``DERIVED`` for one encounter. The drugs are read by feature name; None means not given."""
    doses = list(map(encounter.get, DRUG_FEATURES))
    given = len(doses) - doses.count("No") - doses.count(None)
    changed = given > 1 or "Up" in doses or "Down" in doses
    return "Ch" if changed else "No", "Yes" if given else "No"


def medication_numbers(doses: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """The values of ``DERIVED`` for many encounters, as positions in their lists: ``(n, drugs)`` to ``(n, 2)``.

    ``doses`` holds positions in ``DOSES``.
    """
    given = (doses > DOSES.index("No")).sum(axis=1)
    altered = ((doses == DOSES.index("Up")) | (doses == DOSES.index("Down"))).any(axis=1)
    return np.column_stack([altered | (given > 1), given > 0]).astype(np.int32)


def contradictions(encounter: Mapping[str, Any]) -> list[Contradiction]:
    """The derived features of a valid encounter that contradict its drugs. One that is left out contradicts nothing."""
    told = [encounter.get(name) for name in DERIVED]
    if told == [None, None]:
        return []
    expected = medication(encounter)
    reasons = (_why_changed, _why_given)
    return [
        Contradiction(name, right, why(_given(encounter)))
        for name, value, right, why in zip(DERIVED, told, expected, reasons, strict=True)
        if value not in (None, right)
    ]


def _given(encounter: Mapping[str, Any]) -> dict[str, str]:
    doses = {name: encounter.get(name) for name in DRUG_FEATURES}
    return {name: dose for name, dose in doses.items() if dose not in (None, "No")}


def _why_changed(given: Mapping[str, str]) -> str:
    if altered := [name for name, dose in given.items() if dose != "Steady"]:
        return f"the dose goes up or down of {', '.join(altered)}"
    if len(given) > 1:
        return f"more than one drug is given: {', '.join(given)}"
    return f"only {', '.join(given)} is given, at a steady dose" if given else "no drug is given"


def _why_given(given: Mapping[str, str]) -> str:
    return f"a drug is given: {', '.join(given)}" if given else "no drug is given"
