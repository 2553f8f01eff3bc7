"""The rules of the domain over real encounters: ``DATA_PATH`` names the file, no row of it is in the repository."""

import os

import numpy as np
import pandas as pd
import pytest

from readmission.domain.cleaning import clean, validate_raw
from readmission.domain.cohort import patient_split
from readmission.domain.schema import FEATURE_NAMES, FEATURES, NAME_OF_RAW
from readmission.modeling.features import ClinicalEncoder

DATA_PATH = os.environ.get("DATA_PATH", "")
pytestmark = pytest.mark.skipif(not DATA_PATH.endswith((".csv", ".csv.gz")), reason="DATA_PATH names no CSV file")


@pytest.fixture(scope="module")
def raw():
    raw_ = pd.read_csv(DATA_PATH, keep_default_na=False, na_values=["?"], dtype=str)
    return validate_raw(raw_.rename(columns=NAME_OF_RAW))


@pytest.fixture(scope="module")
def frame(raw):
    return clean(raw).frame


def test_only_death_and_hospice_are_dropped(raw):
    dropped = clean(raw).dropped

    assert list(dropped) == ["death or hospice"]
    assert dropped["death or hospice"] / len(raw) == pytest.approx(2_423 / 101_766, abs=0.002)


def test_a_test_that_was_not_made_stays_a_value(frame):
    assert frame["A1Cresult"].notna().all()
    assert (frame["A1Cresult"] == "None").mean() > 0.5


def test_a_feature_is_never_missing_exactly_if_the_schema_says_so(frame):
    complete = {name for name in FEATURE_NAMES if frame[name].notna().all()}

    assert complete == {column.name for column in FEATURES if column.never_missing}


def test_the_raw_encounters_have_no_gap_to_fill_in(raw):
    never_missing = [column.name for column in FEATURES if column.never_missing]

    assert [name for name in never_missing if raw[name].isna().any()] == []


def test_the_splits_have_their_shares_of_rows(frame):
    shares = frame["patient_nbr"].map(patient_split).value_counts(normalize=True)

    assert shares["train"] == pytest.approx(0.70, abs=0.01)
    assert shares["validation"] == pytest.approx(0.15, abs=0.01)


def test_every_encounter_becomes_numbers_with_few_unknown(frame):
    matrix = ClinicalEncoder().transform(frame)

    assert np.isfinite(matrix).mean() > 0.95
    assert not np.isinf(matrix).any()
