import pytest

from readmission.errors import InvalidModel
from readmission.pipeline.references import DatasetRef, PromotionRef, RegisteredRef, TrainedRef, complete

DATASET = DatasetRef(digest="d", batch_numbers=[1], run_batch_numbers=[1], source="uci", rows={})


def test_references_of_this_release_are_passed_on():
    assert complete(DatasetRef, iter([DATASET])) == [DATASET]


@pytest.mark.parametrize(
    ("kind", "reference", "missing"),
    [
        (
            DatasetRef,
            {"digest": "d", "batch_numbers": [1], "source": "uci", "rows": {}},
            "run_batch_numbers",
        ),
        (
            TrainedRef,
            {"candidate": "lightgbm", "run_id": "r", "validation_roc_auc": 0.7},
            "dataset, horizon",
        ),
        (
            RegisteredRef,
            {"version": "1", "run_id": "r", "candidate": "lightgbm", "onnx_digest": "d"},
            "dataset, horizon",
        ),
        (
            PromotionRef,
            {"promoted": True, "reason": "better", "version": "1", "production_version": "1"},
            "horizon, run_batch_numbers",
        ),
    ],
)
def test_a_reference_of_the_release_before_horizons_says_that_the_whole_run_must_be_cleared(kind, reference, missing):
    with pytest.raises(InvalidModel, match=f"without {missing}: clear the whole run"):
        complete(kind, [reference])
