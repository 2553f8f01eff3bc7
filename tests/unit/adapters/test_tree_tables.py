"""The tables of a model give what its file gives, to the last bit."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.tree_batches import BatchTables
from readmission.adapters.tree_tables import JoinedTables
from readmission.domain import cleaning
from readmission.domain.feature_rows import FIRST_ROWS, POSITIONS, ROW_VALUES, VALUES, row_of
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import NAME_OF_RAW
from readmission.modeling.export import export
from readmission.modeling.fit import fit
from readmission.synthetic.cohort import cohort

ROWS = 4000


def trained(candidate: str, horizon: str = "any") -> OnnxModel:
    raw = pd.DataFrame(cohort(2000, 0)).rename(columns=NAME_OF_RAW)
    pipeline = fit(candidate, cleaning.clean(cleaning.validate_raw(raw)).frame, horizon, 0)
    now = datetime.now(UTC)
    metadata = ModelFileMetadata(horizon, 0.5, 0.4, 0.6, "synthetic", candidate, True, "0" * 64, now)
    return OnnxModel.from_bytes(export(pipeline, metadata))


@pytest.fixture(scope="module")
def models() -> list[OnnxModel]:
    return [trained("lightgbm"), trained("lightgbm", "within_30_days")]


def random_rows(count: int, unknown: float) -> np.ndarray:
    """Random valid values of every feature, a share of them unknown, as row numbers by field."""
    random = np.random.default_rng(1)
    columns = []
    for first, values in zip(FIRST_ROWS, VALUES, strict=True):
        known = random.integers(len(values) - 1, size=count)
        columns.append(first + np.where(random.random(count) < unknown, len(values) - 1, known))
    return np.column_stack(columns)


@pytest.mark.parametrize("unknown", [0.0, 0.2, 1.0])
def test_tables_give_the_probabilities_of_the_model_files_to_the_last_bit(models, unknown):
    rows = random_rows(ROWS, unknown)
    matrix = np.empty(rows.shape, np.float32)
    matrix[:, POSITIONS] = ROW_VALUES[rows]
    joined = JoinedTables([model.tables for model in models])

    found = np.array([joined.probabilities(joined.kept(row)) for row in rows], np.float32)

    expected = np.column_stack([model.predict_probability(matrix) for model in models])
    assert (found == expected).all()


def test_three_models_are_evaluated_together(models):
    rows = random_rows(50, 0.1)
    alone = [JoinedTables([model.tables]) for model in models]
    joined = JoinedTables([models[0].tables, models[1].tables, models[0].tables])

    found = [joined.probabilities(joined.kept(row)) for row in rows]

    first, second = ([one.probabilities(one.kept(row))[0] for row in rows] for one in alone)
    assert found == [list(each) for each in zip(first, second, first, strict=True)]


@pytest.mark.parametrize("candidate", ["logistic_regression", "random_forest"])
def test_a_model_of_another_kind_has_no_tables(candidate):
    model = trained(candidate)

    assert model.tables is None


def test_a_number_that_no_valid_value_has_has_no_row():
    with pytest.raises(ValueError, match="race"):
        row_of(0, 77.0)


@pytest.mark.parametrize("unknown", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("count", [1, 63, 65, ROWS])
def test_a_batch_has_the_probabilities_of_the_model_files_to_the_last_bit(models, unknown, count):
    rows = random_rows(count, unknown)
    matrix = np.empty(rows.shape, np.float32)
    matrix[:, POSITIONS] = ROW_VALUES[rows]

    found = BatchTables([model.tables for model in models]).probabilities(rows)

    assert (found == np.array([model.predict_probability(matrix) for model in models])).all()
