"""Measures the explanation of a prediction: ``python bench/explanation.py``.

For each number of pairs of permutations: CPU time on one core, rows of the model, and the largest error of a
contribution in log-odds. The error is measured against many pairs. The rows are the file ``DATA_PATH`` when it is set,
else the synthetic cohort.
"""

import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from readmission.adapters.onnx_model import OnnxModel
from readmission.data_api.encounter_file import read_encounters
from readmission.domain.cleaning import clean, validate_raw
from readmission.domain.cohort import patient_split
from readmission.domain.feature_groups import FEATURE_GROUPS, SINGLE_FEATURES
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import NAME_OF_RAW
from readmission.modeling.background import background_sample
from readmission.modeling.export import export
from readmission.modeling.features import ClinicalEncoder
from readmission.modeling.fit import fit
from readmission.prediction.explain import logit, players
from readmission.prediction.shapley import Floats, attribute
from readmission.settings import DataApiSettings
from readmission.synthetic.cohort import cohort

CANDIDATES = ("lightgbm", "random_forest")
PATIENTS = 10
REFERENCE_PAIRS = 40
METADATA = ModelFileMetadata("any", 0.5, 0.4, 0.6, "synthetic", "any", True, "0" * 64, datetime(2026, 1, 1, tzinfo=UTC))


def main() -> None:
    """Print a table for each candidate, for the groups and for single features."""
    frame = _encounters(DataApiSettings())
    split = frame["patient_nbr"].map(patient_split)
    train, patients = frame[split == "train"], ClinicalEncoder().transform(frame[split == "test"].head(PATIENTS))
    print(f"{'candidate':20} {'players':>7} {'pairs':>5} {'CPU ms':>6} {'most':>6} {'rows':>6} {'worst error':>11}")
    for candidate in CANDIDATES:
        file = export(fit(candidate, train, "any", seed=0), METADATA, background_sample(train, seed=0))
        for groups in (FEATURE_GROUPS, SINGLE_FEATURES):
            _measure(candidate, OnnxModel.from_bytes(file), players(groups), patients)


def _encounters(settings: DataApiSettings) -> pd.DataFrame:
    if settings.data_path:
        raw = read_encounters(settings.data_path).to_pandas()
    else:
        raw = pd.DataFrame(cohort(settings.synthetic_rows, settings.synthetic_seed))
    raw = raw.astype({name: "str" for name in raw if raw[name].dtype == "category"})
    return clean(validate_raw(raw.rename(columns=NAME_OF_RAW))).frame


def _measure(candidate: str, model: OnnxModel, numbers: np.ndarray, patients: np.ndarray) -> None:
    references = [_contributions(model, row, numbers, REFERENCE_PAIRS, seed=1)[0] for row in patients]
    for pairs in (1, 2, 4, 8):
        errors, milliseconds, rows = [], [], []
        for row, reference in zip(patients, references, strict=True):
            began = time.process_time()
            found, asked = _contributions(model, row, numbers, pairs, seed=0)
            milliseconds.append(1000 * (time.process_time() - began))
            errors.append(np.abs(found - reference).max())
            rows.append(asked)
        print(
            f"{candidate:20} {numbers.max() + 1:7} {pairs:5} {np.median(milliseconds):6.0f} {max(milliseconds):6.0f}"
            f" {np.median(rows):6.0f} {max(errors):11.4f}"
        )


def _contributions(model: OnnxModel, row: np.ndarray, numbers: np.ndarray, pairs: int, seed: int) -> tuple[Floats, int]:
    asked = 0

    def predict(matrix: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(matrix)
        return model.predict_probability(matrix)

    (found,) = attribute(predict, row, model.background, numbers, [logit], pairs=pairs, seed=seed)
    return found.contributions, asked


if __name__ == "__main__":
    main()
