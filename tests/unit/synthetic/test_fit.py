"""The figures of the synthetic cohort can be made again, and hold no row."""

import hashlib
import json
import os
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from readmission.domain.schema import NAME_OF_RAW, NAMES
from readmission.synthetic import fit as synthetic_fit
from readmission.synthetic.cohort import cohort, draw
from readmission.synthetic.network import PARAMETERS_FILE, parse_network

FILE = files("readmission.synthetic").joinpath(PARAMETERS_FILE)


@pytest.fixture(scope="module")
def refitted():
    raw = pd.DataFrame(cohort(20_000, seed=1)).rename(columns=NAME_OF_RAW)
    return raw, synthetic_fit.fit(raw)


def test_figures_fitted_to_a_cohort_give_a_cohort_like_it(refitted):
    raw, figures = refitted

    drawn = draw(parse_network(figures), 20_000, seed=2)

    assert (drawn["readmitted"] > 0).mean() == pytest.approx((raw["readmitted"] != "NO").mean(), abs=0.02)
    assert drawn["num_medications"].mean() == pytest.approx(raw["num_medications"].mean(), abs=0.5)
    assert drawn["number_inpatient"].mean() == pytest.approx(raw["number_inpatient"].mean(), abs=0.1)


def test_fitting_twice_gives_the_same_figures(refitted):
    raw, figures = refitted

    assert synthetic_fit.fit(raw) == figures


def test_a_cell_of_few_encounters_is_left_out():
    counts = pd.Series({"frequent": 990, "enough": 10, "rare": 9})

    assert synthetic_fit.weights(counts) == {"frequent": 99_000, "enough": 1_000}


def test_the_parameter_file_is_small():
    assert len(FILE.read_bytes()) < 100_000


def test_the_parameter_file_has_every_column_that_is_drawn():
    figures = json.loads(FILE.read_text(encoding="utf-8"))

    drawn = {item["name"] for item in figures["network"]}

    derived = {"encounter_id", "patient_nbr", "change_medication", "diabetesMed", "readmitted"}
    assert set(NAMES) - derived <= drawn


@pytest.mark.skipif("DATA_PATH" not in os.environ, reason="DATA_PATH is not set: the real file is needed")
def test_the_parameter_file_is_made_again_from_the_real_file(tmp_path):
    path, committed = Path(os.environ["DATA_PATH"]), json.loads(FILE.read_text(encoding="utf-8"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != committed["fitted_on"]["sha256"]:
        pytest.skip("DATA_PATH is not the file that the parameters were fitted on")

    synthetic_fit.main(path, tmp_path / PARAMETERS_FILE)

    made = json.loads((tmp_path / PARAMETERS_FILE).read_text(encoding="utf-8"))
    assert made["network"] == committed["network"]
    assert made["comes_back"] == committed["comes_back"]
    assert made["outcome"]["any"]["intercept"] == pytest.approx(committed["outcome"]["any"]["intercept"], abs=0.01)
