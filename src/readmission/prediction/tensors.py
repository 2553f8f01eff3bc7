"""Named tensors to columns of clinical values, as the Open Inference Protocol v2 names and lays them out.

There is one tensor for each feature, of shape ``[n]`` or ``[n, 1]``. A tensor that is left out is unknown in every row.
In a row, unknown is an empty string, NaN in FP32 and FP64, and null in JSON. INT64 has no such value: the codes have
some of their own that mean "not known".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from readmission.domain.schema import COLUMN, FEATURE_NAMES, INTEGER_KINDS, NAME_OF_RAW, Column
from readmission.errors import InvalidInput, TooLarge, UnreadableInput

BYTES = "BYTES"
FLOATS = {"FP32": "<f4", "FP64": "<f8"}
INTEGERS = {f"{sign}INT{8 * size}": f"<{kind}{size}" for sign, kind in (("", "i"), ("U", "u")) for size in (1, 2, 4, 8)}
NUMBERS = FLOATS | INTEGERS
SHOWN_NAME = 64
_LENGTH_BYTES = 4
_SCALARS = (str, int, float, bytes, type(None))


@dataclass(frozen=True)
class Tensor:
    """One tensor of a request. ``values``: bytes in the protocol's binary layout, or the values one by one."""

    name: str
    datatype: str
    shape: Sequence[int]
    values: bytes | Sequence[Any]


def datatype(column: Column) -> str:
    """The datatype that a model's metadata names for a feature."""
    return "INT64" if column.kind in INTEGER_KINDS else BYTES


def columns_of(tensors: Sequence[Tensor], max_rows: int) -> tuple[int, dict[str, list[Any]]]:
    """The number of rows, and by feature its value in each row; None is unknown. The values are not validated.

    Raises :class:`InvalidInput` for tensors that are not the features' or do not fit together,
    :class:`UnreadableInput` for bytes that are not what shape and datatype say, and :class:`TooLarge`.
    """
    if not tensors:
        raise InvalidInput("the request has no inputs: send a tensor for each feature that is known")
    rows = _rows(tensors[0])
    if rows > max_rows:
        raise TooLarge(f"the tensors have more than {max_rows} rows")
    found: dict[str, list[Any]] = {}
    for tensor in tensors:
        column = _column(tensor)
        if column.name in found:
            raise InvalidInput(f"the tensor {column.name} is given more than once")
        if _rows(tensor) != rows:
            raise InvalidInput(f"the tensor {column.name} has another number of rows than the first one, {rows}")
        found[column.name] = _values(column, tensor, rows)
    return rows, {name: found.get(name) or [None] * rows for name in FEATURE_NAMES}


def strings_to_bytes(values: Sequence[str]) -> bytes:
    """Strings in the protocol's binary layout: each as UTF-8 behind its length, 4 bytes, the lowest first."""
    encoded = [value.encode() for value in values]
    return b"".join([len(value).to_bytes(_LENGTH_BYTES, "little") + value for value in encoded])


def _rows(tensor: Tensor) -> int:
    shape = tuple(tensor.shape)
    if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)) or shape[0] < 1:
        raise InvalidInput(f"the tensor {_shown(tensor.name)} must have the shape [n] or [n, 1], with n from 1 on")
    return shape[0]


def _column(tensor: Tensor) -> Column:
    column = COLUMN.get(NAME_OF_RAW.get(tensor.name, tensor.name))
    if column is None or not column.feature:
        raise InvalidInput(f"the tensor {_shown(tensor.name)} is not a feature: the model's metadata names them")
    accepted = NUMBERS if column.kind in INTEGER_KINDS else (BYTES,)
    if tensor.datatype not in accepted:
        raise InvalidInput(f"the tensor {column.name} must have one of the datatypes: {', '.join(accepted)}")
    return column


def _values(column: Column, tensor: Tensor, rows: int) -> list[Any]:
    if not isinstance(tensor.values, bytes):
        return _listed(column, tensor, rows)
    if tensor.datatype == BYTES:
        return [_text(column, row, value) for row, value in enumerate(_cut(column, tensor.values, rows))]
    layout = np.dtype(NUMBERS[tensor.datatype])
    if len(tensor.values) != rows * layout.itemsize:
        raise _wrong_size(column)
    numbers = np.frombuffer(tensor.values, layout).tolist()
    return [_whole(value) for value in numbers] if tensor.datatype in FLOATS else numbers


def _listed(column: Column, tensor: Tensor, rows: int) -> list[Any]:
    values = list(tensor.values)
    if len(values) != rows:
        raise _wrong_size(column)
    if len(tensor.shape) > 1:
        # JSON has them nested or flat
        values = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]
    for row, value in enumerate(values):
        if not isinstance(value, _SCALARS):
            raise InvalidInput(f"row {row}, {column.name}: must be one value")
    if tensor.datatype == BYTES:
        return [_text(column, row, value) for row, value in enumerate(values)]
    return [_whole(value) for value in values] if tensor.datatype in FLOATS else values


def _cut(column: Column, raw: bytes, rows: int) -> list[bytes]:
    found, position = [], 0
    for _ in range(rows):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(raw[position:start], "little")
        if position > len(raw):
            raise _wrong_size(column)
        found.append(raw[start:position])
    if position != len(raw):
        raise _wrong_size(column)
    return found


def _text(column: Column, row: int, value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise UnreadableInput(f"row {row}, {column.name}: is not UTF-8") from None
    return None if value == "" else value


def _whole(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if value != value:
        return None
    return int(value) if value.is_integer() else value


def _wrong_size(column: Column) -> UnreadableInput:
    return UnreadableInput(f"the data of the tensor {column.name} are not those of its shape and datatype")


def _shown(name: str) -> str:
    return f'"{name[:SHOWN_NAME]}"'
