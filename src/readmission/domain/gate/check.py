"""One check of the gate: what it examines, and what it found."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from readmission.domain.gate.evidence import Evidence


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Finding:
    """The result of a check. ``text`` says in words why; ``measured`` and ``limit`` are None when there is no value."""

    outcome: Outcome
    text: str
    measured: float | str | None = None
    limit: float | str | None = None


@dataclass(frozen=True)
class Check:
    """A check of the gate. ``source`` says where its limit comes from."""

    id: str
    title: str
    source: str
    examine: Callable[[Evidence], Finding]

    def report(self, finding: Finding) -> dict[str, Any]:
        """Check and finding as values for JSON; a number that is not finite becomes text."""
        return {
            "id": self.id,
            "title": self.title,
            "outcome": finding.outcome.value,
            "measured": _for_json(finding.measured),
            "limit": _for_json(finding.limit),
            "source": self.source,
            "text": finding.text,
        }


def judged(passed: bool, text: str, measured: float | str | None, limit: float | str | None) -> Finding:
    """The finding of a check that applies."""
    return Finding(Outcome.PASSED if passed else Outcome.FAILED, text, measured, limit)


def not_applicable(why: str) -> Finding:
    """The finding of a check that does not apply."""
    return Finding(Outcome.NOT_APPLICABLE, why)


def _for_json(value: float | str | None) -> float | str | None:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
