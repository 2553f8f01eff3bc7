import numpy as np
import pytest

from readmission.modeling.background import background_sample
from readmission.modeling.features import ClinicalEncoder


@pytest.fixture(scope="module")
def train(split_cohort):
    frame = split_cohort(1_500, 11)
    return frame[frame["split"] == "train"]


def test_a_background_is_a_hundred_different_encounters_of_the_split_as_numbers(train):
    background = background_sample(train, seed=3)

    known = {row.tobytes() for row in ClinicalEncoder().transform(train)}
    assert background.shape == (100, 44)
    assert background.dtype == np.float32
    assert {row.tobytes() for row in background} <= known
    assert len({row.tobytes() for row in background}) > 95


def test_the_seed_chooses_the_encounters(train):
    np.testing.assert_array_equal(background_sample(train, seed=3), background_sample(train, seed=3))
    assert not np.array_equal(background_sample(train, seed=3), background_sample(train, seed=4), equal_nan=True)


def test_of_a_small_split_every_encounter_is_taken(train):
    assert len(background_sample(train.head(7), seed=3)) == 7
