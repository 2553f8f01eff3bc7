"""The prediction horizons: within which time a readmission is predicted, and what belongs to each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

HorizonName = Literal["any", "within_30_days"]
Language = Literal["es", "en"]

HORIZON_NAMES: tuple[HorizonName, ...] = get_args(HorizonName)


@dataclass(frozen=True)
class Horizon:
    """One horizon. The AUCs are of the test split, between 0 and 1.

    ``column``: the outcome in a clean encounter, 0 or 1. ``model_suffix``: what its registered model's name adds to
    ``MODEL_NAME``. ``default_floor``: what the lower end of the test AUC's interval must exceed, unless a setting says
    otherwise. ``leak_alarm_auc``: a test AUC above it indicates that the outcome leaked into the features.
    ``settled_after_days``: a patient who was not readmitted for so many days counts as not readmitted. ``words``: when,
    by language; they complete "readmission ..." and "a readmission ...".
    """

    name: HorizonName
    column: str
    model_suffix: str
    default_floor: float
    leak_alarm_auc: float
    settled_after_days: int
    words: Mapping[Language, str]

    def model_name(self, base: str) -> str:
        """The name of the registered model; ``base`` is the setting ``MODEL_NAME``."""
        return f"{base}{self.model_suffix}"


HORIZONS: dict[HorizonName, Horizon] = {
    "any": Horizon(
        name="any",
        column="readmitted",
        model_suffix="",
        default_floor=0.60,
        leak_alarm_auc=0.75,
        # the training data do not say how long a patient was followed; a year is our convention (decision 0013)
        settled_after_days=365,
        words={"es": "en algún momento", "en": "at any later time"},
    ),
    "within_30_days": Horizon(
        name="within_30_days",
        column="readmitted_within_30_days",
        model_suffix="_30d",
        default_floor=0.55,
        leak_alarm_auc=0.72,
        settled_after_days=30,
        words={"es": "en menos de 30 días", "en": "within 30 days"},
    ),
}
