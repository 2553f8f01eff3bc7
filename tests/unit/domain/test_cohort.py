from collections import Counter

import numpy as np
import pytest

from readmission.domain.cohort import (
    DEATH_OR_HOSPICE,
    SPLITS,
    can_be_readmitted,
    patient_split,
)


def test_a_stay_that_ended_in_death_or_hospice_is_outside_the_cohort():
    assert [code for code in (11, 13, 14, 19, 20, 21) if can_be_readmitted(code)] == []


def test_any_other_discharge_is_in_the_cohort():
    assert [code for code in (1, 6, 7, 12, 18, 25, 30, None) if not can_be_readmitted(code)] == []


def test_the_excluded_codes_are_six():
    assert len(DEATH_OR_HOSPICE) == 6


def test_the_split_is_seventy_fifteen_fifteen():
    shares = Counter(patient_split(patient) for patient in range(40_000))

    assert shares["train"] / 40_000 == pytest.approx(0.70, abs=0.01)
    assert shares["validation"] / 40_000 == pytest.approx(0.15, abs=0.01)
    assert shares["test"] / 40_000 == pytest.approx(0.15, abs=0.01)


# as written when the rule was made: another answer moves patients between splits of data already stored
def test_a_patient_stays_where_it_is_for_ever():
    assert [patient_split(patient) for patient in (2, 11, 1)] == ["train", "validation", "test"]


def test_the_type_of_the_number_does_not_matter():
    assert [patient_split(np.int64(number)) for number in range(200)] == [patient_split(n) for n in range(200)]


def test_the_order_of_patient_numbers_tells_nothing_of_the_split():
    early = Counter(patient_split(patient) for patient in range(1_000, 6_000))
    late = Counter(patient_split(patient) for patient in range(180_000_000, 180_005_000))

    assert early["test"] == pytest.approx(late["test"], rel=0.15)


def test_there_are_three_splits():
    assert SPLITS == ("train", "validation", "test")
