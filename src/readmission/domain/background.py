"""The background of a model: encounters of its training split as numbers, against which an explanation compares.

A model file holds its background as a property, so its digest and the gate's signature cover it. The background has no
identifiers.
"""

import base64
import binascii

import numpy as np

from readmission.domain.schema import FEATURES, Kind
from readmission.errors import InvalidModel

BACKGROUND_ROWS = 100
_TYPE = np.dtype("<f4")


def to_text(background: np.ndarray) -> str:
    """A background of ``(n, len(FEATURES))`` float32 as base64 text."""
    return base64.b64encode(background.astype(_TYPE).tobytes()).decode()


def from_text(text: str) -> np.ndarray:
    """The background that :func:`to_text` wrote: ``(n, len(FEATURES))`` float32, NaN is unknown.

    Raises :class:`InvalidModel` when the text is not 1 to ``BACKGROUND_ROWS`` rows, or holds an infinite number.
    """
    try:
        flat = np.frombuffer(base64.b64decode(text, validate=True), _TYPE)
        background = flat.reshape(-1, len(FEATURES)).astype(np.float32)
    except (ValueError, binascii.Error) as error:
        raise InvalidModel("the model file's background is not a matrix of encoded encounters") from error
    if not 1 <= len(background) <= BACKGROUND_ROWS or np.isinf(background).any():
        raise InvalidModel(f"the model file's background is not 1 to {BACKGROUND_ROWS} encoded encounters")
    return background


def reference_row(background: np.ndarray) -> np.ndarray:
    """The typical value of each feature, ``(len(FEATURES),)``: a number's lower median, else the most frequent value.

    Unknown is a value like the others: NaN when most encounters do not have the feature.
    """
    typical = [
        _lower_median(values) if column.kind is Kind.NUMBER else _most_frequent(values)
        for column, values in zip(FEATURES, background.T, strict=True)
    ]
    return np.array(typical, dtype=np.float32)


def _lower_median(values: np.ndarray) -> float:
    return float(np.sort(values)[(len(values) - 1) // 2])


def _most_frequent(values: np.ndarray) -> float:
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[counts.argmax()])
