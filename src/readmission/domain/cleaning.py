"""Cleans raw encounters: sets types, turns unknown values into null and drops invalid rows. It imputes nothing.

A feature that is left out gets its default, or the value that the drugs determine. So null means unknown.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from readmission.domain.cohort import DEATH_OR_HOSPICE
from readmission.domain.encoding import is_icd9
from readmission.domain.medication import DERIVED, DRUG_NAMES, medication_numbers
from readmission.domain.schema import COLUMN, DOSES, FEATURES, INTEGER_KINDS, NAMES, READMITTED, Column, Kind
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
    """A cleaned batch. ``frame`` has the kept rows with ``CLEAN_COLUMNS``; ``dropped`` counts the others by reason."""

    frame: pd.DataFrame
    dropped: dict[str, int]


def validate_raw(frame_: pd.DataFrame) -> pd.DataFrame:
    """Check a received batch and give it the schema's column order and types.

    Raises :class:`InvalidBatch` unless it has exactly the 50 columns (in any order), both identifiers in every row,
    unique encounter identifiers, and whole numbers in the integer columns. Values outside a category's list are kept,
    because the raw table stores what was received; :func:`clean` drops such rows.
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
    """Clean a batch that :func:`validate_raw` returned. Each dropped row is counted under its first reason."""
    frame = raw.copy()
    dropped: dict[str, int] = {}
    frame = _keep(frame, ~frame["discharge_disposition_id"].isin(DEATH_OR_HOSPICE), "death or hospice", dropped)
    frame = _keep(frame, frame["readmitted"].isin(READMITTED), "no valid outcome", dropped)
    for column in FEATURES:
        frame = _keep(frame, _is_valid(frame[column.name], column), f"invalid {column.name}", dropped)
    for name, expected in _derived(frame).items():
        agrees = frame[name].isna() | (frame[name] == expected.loc[frame.index])
        frame = _keep(frame.assign(**{name: expected}), agrees, f"{name} contradicts the drugs", dropped)
    for column in FEATURES:
        if column.unknown:
            frame[column.name] = frame[column.name].mask(frame[column.name].isin(column.unknown))
        if column.default:
            frame[column.name] = frame[column.name].fillna(column.default)
    frame["readmitted_within_30_days"] = (frame["readmitted"] == "<30").astype("int8")
    frame["readmitted"] = (frame["readmitted"] != "NO").astype("int8")
    return CleanBatch(frame.loc[:, list(CLEAN_COLUMNS)].reset_index(drop=True), dropped)


def _typed(values: pd.Series, column: Column) -> pd.Series:
    try:
        return _integers(values) if column.kind in INTEGER_KINDS else values.astype("str")
    except (TypeError, ValueError, OverflowError):
        # from None: the error text of pandas contains a patient's value, and a task's log shows the whole chain
        raise InvalidBatch(f"{column.name} is not {column.kind} in every row") from None


def _integers(values: pd.Series) -> pd.Series:
    if values.dtype.kind in "bmM":
        raise TypeError("Booleans and times are not integers")
    return pd.to_numeric(values).astype("Int64")


def _is_valid(values: pd.Series, column: Column) -> pd.Series:
    if column.kind is Kind.NUMBER:
        return values.between(column.low, column.high).fillna(False).astype(bool)
    if column.kind is Kind.ICD9:
        known = {code for code in values.dropna().unique() if is_icd9(str(code))}
        return values.isna() | values.isin(known)
    valid = values.isin([*column.values, *column.unknown])
    return valid if column.required else valid | values.isna()


def _derived(frame: pd.DataFrame) -> dict[str, pd.Series]:
    position = {dose: number for number, dose in enumerate(DOSES)}
    doses = np.column_stack([frame[name].map(position).fillna(0) for name in DRUG_NAMES])
    numbers = medication_numbers(doses)
    values = {name: np.array(COLUMN[name].values, dtype=object)[numbers[:, k]] for k, name in enumerate(DERIVED)}
    return {name: pd.Series(found, index=frame.index, dtype="str") for name, found in values.items()}


def _keep(frame: pd.DataFrame, kept: pd.Series, reason: str, dropped: dict[str, int]) -> pd.DataFrame:
    count = int((~kept).sum())
    if not count:
        return frame
    dropped[reason] = count
    return frame[kept]
