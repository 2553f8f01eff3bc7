"""Reads one encounter from a JSON body: decoded, validated and looked up in the feature rows in a few microseconds.

What this reader does not accept goes to a slower one, which knows every spelling and says what is wrong. So this one
may be stricter, but never less strict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from readmission.domain.cohort import can_be_readmitted
from readmission.domain.encoding import encode_one, icd9_number, is_icd9, number
from readmission.domain.feature_rows import FIELDS, FIRST_ROWS, MEDICATION, POSITIONS, SINGLE, row_of
from readmission.domain.medication import contradictions
from readmission.domain.schema import COLUMN, Column, Kind

# reads a body as valid values by feature name, or raises what is wrong with it
Parse = Callable[[bytes], Mapping[str, Any]]

_MAX_CODES = 4096
_MAX_MEDICATIONS = 2048
_SINGLE = len(SINGLE)


@dataclass(frozen=True, eq=False, slots=True)
class Medication:
    """What the values of ``MEDICATION`` mean together. ``rows``: their row numbers; it is compared by identity."""

    rows: np.ndarray
    contradicts: bool


@dataclass(slots=True)
class Encounter:
    """A valid encounter: its values by ``FIELDS`` (``UNSET``: left out), and the rows of those of ``SINGLE``.

    ``as_sent``: the names and values are those that the request spelled, and none of them is null.
    """

    values: tuple[Any, ...]
    rows: list[int]
    medication: Medication
    as_sent: bool

    def features(self) -> dict[str, Any]:
        """The values that were given and are known, by feature name."""
        named = zip(FIELDS, self.values, strict=True)
        return {name: value for name, value in named if value is not None and value is not msgspec.UNSET}


class EncounterReader:
    """Reads encounters. It remembers combinations of drugs: a few hundred of them make nearly all encounters."""

    def __init__(self, parse: Parse) -> None:
        self._parse = parse
        self._medications: dict[tuple[Any, ...], Medication] = {}

    def read(self, body: bytes) -> Encounter:
        """The encounter of a body; raises what ``parse`` raises for one that is not valid."""
        try:
            values = _astuple(_decode(body))
            # names and valid values contain no colon, so more colons than fields means that a field is repeated
            if body.count(b":") == len(FIELDS) - values.count(msgspec.UNSET):
                encounter = self._looked_up(values, as_sent=None not in values)
                if not encounter.medication.contradicts:
                    return encounter
        except (msgspec.MsgspecError, KeyError, UnicodeDecodeError):
            pass
        return self._looked_up(tuple(map(self._parse(body).get, FIELDS)), as_sent=False)

    def _looked_up(self, values: tuple[Any, ...], *, as_sent: bool) -> Encounter:
        drugs = values[_SINGLE:]
        medication = self._medications.get(drugs) or self._remember(drugs)
        return Encounter(values, list(map(_row, _ROW_TABLES, values)), medication, as_sent)

    def _remember(self, drugs: tuple[Any, ...]) -> Medication:
        if len(self._medications) >= _MAX_MEDICATIONS:
            self._medications.clear()
        found = self._medications[drugs] = _medication(drugs)
        return found


def _medication(drugs: tuple[Any, ...]) -> Medication:
    named = zip(MEDICATION, drugs, strict=True)
    encounter = {name: None if value is msgspec.UNSET else value for name, value in named}
    encoded = encode_one(encounter)
    rows = [row_of(field, encoded[POSITIONS[field]]) for field in range(_SINGLE, len(FIELDS))]
    return Medication(np.array(rows), bool(contradictions(encounter)))


class _Rows(dict[Any, int]):
    """The row of each valid value of a feature. Raises ``KeyError`` for another value."""

    def __init__(self, field: int, column: Column) -> None:
        super().__init__({value: row_of(field, number(column, _known(value))) for value in _values(column)})
        self._field = field if column.kind is Kind.ICD9 else None

    def __missing__(self, code: Any) -> int:
        """The row of an ICD-9 code that was not seen before."""
        if self._field is None or not is_icd9(code):
            raise KeyError
        row = FIRST_ROWS[self._field] + int(icd9_number(code))
        if len(self) < _MAX_CODES:
            self[code] = row
        return row


def _known(value: Any) -> Any:
    return None if value is msgspec.UNSET else value


def _values(column: Column) -> list[Any]:
    left_out = [] if column.required else [None, msgspec.UNSET]
    if column.kind is Kind.NUMBER:
        return [*range(column.low, column.high + 1), *left_out]
    codes = [code for code in (*column.values, *column.unknown) if _in_cohort(column, code)]
    return [*codes, *left_out]


def _in_cohort(column: Column, code: Any) -> bool:
    return column.name != "discharge_disposition_id" or can_be_readmitted(code)


def _type(column: Column) -> Any:
    if column.kind is Kind.NUMBER:
        kind: Any = Annotated[int, msgspec.Meta(ge=column.low, le=column.high)]
    elif column.kind is Kind.ICD9:
        kind = str
    else:
        kind = Literal[(*column.values, *column.unknown)]
    return kind if column.required else kind | None | msgspec.UnsetType


def _struct() -> type[msgspec.Struct]:
    columns = [COLUMN[name] for name in FIELDS]
    fields = [
        (column.name, _type(column)) if column.required else (column.name, _type(column), msgspec.UNSET)
        for column in columns
    ]
    return msgspec.defstruct("EncounterBody", fields, forbid_unknown_fields=True, kw_only=True, gc=False)


_ROW_TABLES = tuple(_Rows(field, COLUMN[name]) for field, name in enumerate(SINGLE))
_row = dict.__getitem__
_decode = msgspec.json.Decoder(_struct(), strict=True).decode
_astuple = msgspec.structs.astuple
