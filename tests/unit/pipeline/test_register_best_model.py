import itertools

import pytest

from doubles.experiment import FakeExperiment
from doubles.object_store import MemoryStore
from doubles.registry import FakeRegistry
from readmission.adapters.experiment import RunKey
from readmission.errors import InvalidModel
from readmission.pipeline.references import DatasetRef, TrainedRef
from readmission.pipeline.register_best_model import choose_best, register_best_model

DATASET = DatasetRef(digest="digest", batch_numbers=[1], run_batch_numbers=[1], source="synthetic", rows={})


def trained(candidate, auc, horizon="any", run_id=""):
    return TrainedRef(
        candidate=candidate,
        horizon=horizon,
        dataset=DATASET,
        run_id=run_id or f"run of {candidate}",
        validation_roc_auc=auc,
    )


def test_the_best_validation_auc_wins():
    found = [trained("logistic_regression", 0.67), trained("lightgbm", 0.69), trained("random_forest", 0.68)]

    assert choose_best("any", found, ["lightgbm"])["candidate"] == "lightgbm"


def test_between_equals_the_order_of_arrival_does_not_matter():
    equals = [trained("random_forest", 0.69), trained("lightgbm", 0.69), trained("gradient_boosting", 0.69)]

    chosen = {choose_best("any", order, [])["candidate"] for order in itertools.permutations(equals)}

    assert chosen == {"gradient_boosting"}


def test_what_was_trained_for_another_horizon_does_not_count():
    found = [trained("lightgbm", 0.65, "within_30_days"), trained("random_forest", 0.69)]

    assert choose_best("within_30_days", found, ["lightgbm"])["candidate"] == "lightgbm"


def test_candidates_that_were_not_trained_for_the_horizon_are_named():
    found = [trained("lightgbm", 0.69), trained("random_forest", 0.69, "within_30_days")]

    with pytest.raises(InvalidModel, match=r"not trained for any: logistic_regression, random_forest\. Clear"):
        choose_best("any", found, ["random_forest", "logistic_regression", "lightgbm"])


@pytest.fixture
def registries():
    return {"any": FakeRegistry(), "within_30_days": FakeRegistry("diabetes_classifier_30d")}


def register(registries, run_id, experiment=None):
    """Register the only candidate of the second horizon."""
    return register_best_model(
        "within_30_days",
        [trained("lightgbm", 0.65, "within_30_days", run_id)],
        store=MemoryStore(),
        experiment=experiment or FakeExperiment(),
        registries=registries,
        candidates=["lightgbm"],
    )


def test_a_run_that_has_a_version_of_its_horizons_model_keeps_it(registries):
    registries["within_30_days"].register("run-1", b"model", {})

    first, again = register(registries, "run-1"), register(registries, "run-1")

    assert first == again
    assert (first["horizon"], first["version"], first["dataset"]) == ("within_30_days", "1", DATASET)
    assert registries["any"].find("run-1") is None


def test_a_run_that_predicts_another_horizon_is_not_registered(registries):
    experiment = FakeExperiment()
    run = experiment.start(RunKey("manual-1", "lightgbm", "digest", "any", 0))

    with pytest.raises(InvalidModel, match="run-1 predicts any, not within_30_days"):
        register(registries, run.run_id, experiment)

    assert registries["within_30_days"].find(run.run_id) is None
