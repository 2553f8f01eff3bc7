import base64

import numpy as np
import pytest

from readmission.domain.background import BACKGROUND_ROWS, from_text, reference_row, to_text
from readmission.domain.decoding import decode
from readmission.domain.encoding import encode
from readmission.domain.example import EXAMPLE
from readmission.domain.schema import FEATURES
from readmission.errors import InvalidModel


def encounters(count):
    return encode([EXAMPLE | {"number_inpatient": row % 7, "race": None} for row in range(count)])


@pytest.mark.parametrize("count", [1, BACKGROUND_ROWS])
def test_a_background_comes_back_with_its_unknown_values(count):
    background = encounters(count)

    found = from_text(to_text(background))

    np.testing.assert_array_equal(found, background)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64!",
        to_text(encounters(2))[:40],
        base64.b64encode(bytes(4 * (len(FEATURES) + 1))).decode(),
        to_text(encounters(BACKGROUND_ROWS + 1)),
        to_text(np.full((1, len(FEATURES)), np.inf)),
    ],
    ids=["empty", "no base64", "cut off", "width", "too many", "infinite"],
)
def test_a_broken_background_is_refused(text):
    with pytest.raises(InvalidModel, match="background"):
        from_text(text)


def test_the_reference_of_a_number_is_its_lower_median():
    background = encode([EXAMPLE | {"number_inpatient": stays} for stays in (0, 9, 2, 3)])

    assert decode(reference_row(background))["number_inpatient"] == 2


def test_the_reference_of_a_category_is_its_most_frequent_value():
    background = encode([EXAMPLE | {"age": age} for age in ("[0-10)", "[80-90)", "[80-90)", "[20-30)")])

    assert decode(reference_row(background))["age"] == "[80-90)"


def test_what_most_encounters_do_not_have_has_the_reference_unknown():
    background = encode([EXAMPLE | {"race": race} for race in (None, "Asian", None, "Other")])

    assert decode(reference_row(background))["race"] is None
