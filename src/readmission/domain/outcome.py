"""What became of a patient after a prediction: what is known, how knowledge grows, and the truth of each horizon.

Days are counted in UTC from the day of the prediction, which is day 0 (decision 0013).
"""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from readmission.domain.horizon import HORIZONS, HorizonName
from readmission.errors import Conflict, InvalidInput

# 30: the label <30 of the data
_EARLY = HORIZONS["within_30_days"].settled_after_days
# a readmission counts for a horizon when it is before this day
_COUNTS_BEFORE: dict[HorizonName, float] = {"any": math.inf, "within_30_days": _EARLY}


@dataclass(frozen=True)
class Report:
    """What a caller reports; exactly one of the two is given.

    ``days_until_readmission`` is at least 0. ``not_readmitted_by``: the last day on which it was known that the patient
    had not come back.
    """

    days_until_readmission: int | None = None
    not_readmitted_by: date | None = None


@dataclass(frozen=True)
class Knowledge:
    """The days on which the readmission can be: from ``earliest`` to ``latest``.

    ``latest`` is None while no readmission is known. The two are equal when the day of the readmission is known.
    """

    earliest: int = 0
    latest: int | None = None


@dataclass(frozen=True)
class StoredOutcome:
    """A row of ``outcomes``.

    ``observed_at``: the day of the readmission, or the last day on which there was none. In a row of a release before
    ``days_until_readmission`` it is the time at which ``readmitted`` was known.
    """

    readmitted: bool
    days_until_readmission: int | None
    observed_at: datetime
    recorded_at: datetime


def reported(report: Report, predicted_on: date, today: date) -> Knowledge:
    """What a report says.

    Raises :class:`InvalidInput`, with the name of the field, for a day after ``today`` or before the prediction.
    """
    oldest = (today - predicted_on).days
    if report.not_readmitted_by is None:
        name, days = "days_until_readmission", report.days_until_readmission or 0
    else:
        name, days = "not_readmitted_by", (report.not_readmitted_by - predicted_on).days
    if not 0 <= days <= oldest:
        raise InvalidInput(f"{name} is before the prediction or in the future", [{"field": name}])
    return Knowledge(days, days) if report.not_readmitted_by is None else Knowledge(days)


def merged(known: Knowledge, new: Knowledge) -> Knowledge:
    """What is known after a report; the order of two reports makes no difference.

    A readmission may be on the last day on which there was none: the patient came back later on that day. Raises
    :class:`Conflict` when the report contradicts what is known.
    """
    if new.latest is None and known.latest is not None and known.earliest != known.latest:
        raise Conflict("a readmission is recorded for this prediction_id: send its days_until_readmission")
    days = [knowledge.latest for knowledge in (known, new) if knowledge.latest is not None]
    earliest, latest = max(known.earliest, new.earliest), min(days, default=None)
    if latest is not None and earliest > latest:
        raise Conflict("the outcome contradicts the one that is recorded for this prediction_id")
    return Knowledge(earliest, latest)


def truth(known: Knowledge) -> dict[HorizonName, bool | None]:
    """Whether the patient was readmitted within each horizon; None: not yet known."""
    return {name: _truth(name, known) for name in HORIZONS}


def _truth(name: HorizonName, known: Knowledge) -> bool | None:
    if known.latest is not None and known.latest < _COUNTS_BEFORE[name]:
        return True
    return False if known.earliest >= HORIZONS[name].settled_after_days else None


def recalled(stored: StoredOutcome, predicted_on: date, horizon: HorizonName | None) -> Knowledge:
    """What a stored outcome says. ``horizon``: what the prediction's primary model predicts; None: not known.

    An earlier release stored no day of a readmission. Then the patient came back before it was known, and within 30
    days if that is what was asked.
    """
    if stored.days_until_readmission is not None:
        return Knowledge(stored.days_until_readmission, stored.days_until_readmission)
    observed = (stored.observed_at.date() - predicted_on).days
    if not stored.readmitted:
        return Knowledge(max(observed, 0))
    if observed < 0:
        # an earlier release took any time; the outcome was recorded after the readmission at least
        observed = max((stored.recorded_at.date() - predicted_on).days, 0)
    return Knowledge(0, observed if horizon != "within_30_days" else min(observed, _EARLY - 1))


def stored_as(known: Knowledge, predicted_on: date, now: datetime) -> StoredOutcome:
    """The row of ``outcomes`` that holds ``known``."""
    day = predicted_on + timedelta(days=known.earliest if known.latest is None else known.latest)
    return StoredOutcome(
        readmitted=known.latest is not None,
        days_until_readmission=known.latest,
        observed_at=datetime(day.year, day.month, day.day, tzinfo=now.tzinfo),
        recorded_at=now,
    )
