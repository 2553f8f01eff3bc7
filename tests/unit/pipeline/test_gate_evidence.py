import numpy as np
import pytest

from readmission.domain.cleaning import clean as clean_rows
from readmission.pipeline.gate_evidence import HeldOut


@pytest.fixture
def rows(raw_frame):
    return HeldOut.of(clean_rows(raw_frame).frame, "any", rounds=20, seed=0)


@pytest.fixture
def probability(rows):
    return np.random.default_rng(0).random(len(rows.matrix))


def test_a_version_is_no_better_than_itself(rows, probability):
    comparison = rows.compare("3", probability, probability)

    assert (comparison.version, comparison.difference.low, comparison.difference.high) == ("3", 0, 0)


def test_the_difference_is_that_of_the_two_areas(rows, probability):
    better = rows.observed.outcome + probability

    comparison = rows.compare("3", better, probability)

    assert comparison.difference.value == pytest.approx(1 - comparison.roc_auc)
    assert rows.interval(probability).value == comparison.roc_auc
