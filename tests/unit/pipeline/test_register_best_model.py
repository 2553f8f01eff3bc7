import itertools

import pytest

from readmission.errors import InvalidModel
from readmission.pipeline.references import TrainedRef
from readmission.pipeline.register_best_model import choose_best


def trained(candidate, auc):
    return TrainedRef(candidate=candidate, run_id=f"run of {candidate}", validation_roc_auc=auc)


def test_the_best_validation_auc_wins():
    best = choose_best(
        [trained("logistic_regression", 0.67), trained("lightgbm", 0.69), trained("random_forest", 0.68)]
    )

    assert best["candidate"] == "lightgbm"


def test_between_equals_the_order_of_arrival_does_not_matter():
    equals = [trained("random_forest", 0.69), trained("lightgbm", 0.69), trained("gradient_boosting", 0.69)]

    chosen = {choose_best(list(order))["candidate"] for order in itertools.permutations(equals)}

    assert chosen == {"gradient_boosting"}


def test_no_trained_candidate_is_an_error():
    with pytest.raises(InvalidModel):
        choose_best([])
