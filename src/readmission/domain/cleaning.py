"""Raw encounters to clean ones: typed, unknown as NULL, outside-of-cohort rows dropped, nothing imputed."""

from dataclasses import dataclass

import pandas as pd

from readmission.domain.cohort import DEATH_OR_HOSPICE
from readmission.domain.encoding import is_icd9
from readmission.domain.schema import COLUMN, FEATURES, INTEGER_KINDS, NAMES, READMITTED, Column, Kind
from readmission.errors import InvalidBatch

CLEAN_COLUMNS = (
    "encounter_id",
    "patient_nbr",
    *(column.name for column in FEATURES),
    "readmitted",
    "readmitted_within_30_days",
)


@dataclass(frozen=True)
class CleanBatch:
    """``frame``: the kept encounters with ``CLEAN_COLUMNS``; ``dropped``: how many rows went, by reason."""

    frame: pd.DataFrame
    dropped: dict[str, int]


def validate_raw(frame_: pd.DataFrame) -> pd.DataFrame:
    """A received batch with the schema's names and types; raises :class:`InvalidBatch` when it breaks the contract.

    The 50 columns must be there (any order, no other), identifiers present and unique, integers integral. Values
    outside a category's list are kept here: the raw table shows what came, cleaning drops the row.
    """
    columns = [str(name) for name in frame_.columns]
    if sorted(columns) != sorted(NAMES):
        missing, extra = set(NAMES) - set(columns), set(columns) - set(NAMES)
        twice = {name for name in columns if columns.count(name) > 1}
        raise InvalidBatch(
            f"wrong columns: missing {sorted(missing)}, unexpected {sorted(extra)}, twice {sorted(twice)}"
        )
    frame = pd.DataFrame({name: _typed(frame_[name], COLUMN[name]) for name in NAMES})
    for name in ("encounter_id", "patient_nbr"):
        if frame[name].isna().any():
            raise InvalidBatch(f"{name} is missing in {int(frame[name].isna().sum())} rows")
    if frame["encounter_id"].duplicated().any():
        raise InvalidBatch(f"encounter_id repeats in {int(frame['encounter_id'].duplicated().sum())} rows")
    return frame


def clean(raw: pd.DataFrame) -> CleanBatch:
    """Clean a validated batch; each dropped row is counted under its first reason."""
    frame = raw.copy()
    dropped: dict[str, int] = {}
    frame = _keep(frame, ~frame["discharge_disposition_id"].isin(DEATH_OR_HOSPICE), "death or hospice", dropped)
    frame = _keep(frame, frame["readmitted"].isin(READMITTED), "no valid outcome", dropped)
    for column in FEATURES:
        frame = _keep(frame, _is_valid(frame[column.name], column), f"invalid {column.name}", dropped)
    for column in FEATURES:
        if column.unknown:
            frame[column.name] = frame[column.name].mask(frame[column.name].isin(column.unknown))
    frame["readmitted_within_30_days"] = (frame["readmitted"] == "<30").astype("int8")
    frame["readmitted"] = (frame["readmitted"] != "NO").astype("int8")
    return CleanBatch(frame.loc[:, list(CLEAN_COLUMNS)].reset_index(drop=True), dropped)


def _typed(values: pd.Series, column: Column) -> pd.Series:
    try:
        return _integers(values) if column.kind in INTEGER_KINDS else values.astype("str")
    except (TypeError, ValueError, OverflowError):
        # without its cause: pandas' text quotes a patient's value, and a task's log shows the whole chain
        raise InvalidBatch(f"{column.name} is not {column.kind} in every row") from None


def _integers(values: pd.Series) -> pd.Series:
    if values.dtype.kind in "bmM":
        raise TypeError("truth values and times convert to integers, but are none")
    return pd.to_numeric(values).astype("Int64")


def _is_valid(values: pd.Series, column: Column) -> pd.Series:
    if column.kind is Kind.NUMBER:
        return values.between(column.low, column.high).fillna(False).astype(bool)
    if column.kind is Kind.ICD9:
        known = {code for code in values.dropna().unique() if is_icd9(str(code))}
        return values.isna() | values.isin(known)
    valid = values.isin([*column.values, *column.unknown])
    return valid if column.required else valid | values.isna()


def _keep(frame: pd.DataFrame, kept: pd.Series, reason: str, dropped: dict[str, int]) -> pd.DataFrame:
    count = int((~kept).sum())
    if not count:
        return frame
    dropped[reason] = count
    return frame[kept]
