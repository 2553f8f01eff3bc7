"""What an experiment does, MLflow's and the one in memory."""

from dataclasses import replace

import numpy as np
import pytest

from readmission.adapters.experiment import RunKey
from readmission.errors import InvalidModel
from readmission.modeling.candidates import load
from readmission.modeling.fit import fit

KEY = RunKey(
    pipeline_run_id="manual__2026-11-23T16:30:00+00:00",
    candidate="lightgbm",
    dataset_digest="ab" * 32,
    horizon="any",
    seed=0,
)
LOGGED = {
    "params": {"learning_rate": 0.1, "max_depth": None},
    "tags": {"data_source": "synthetic"},
    "metrics": {"validation_roc_auc": 0.68},
}


class ExperimentContract:
    """Needs the fixture ``experiment``."""

    def test_asking_twice_for_a_run_gives_the_same_run(self, experiment):
        first, second = experiment.start(KEY), experiment.start(KEY)

        assert first.run_id == second.run_id
        assert not second.finished
        assert second.tags.items() >= KEY.tags().items()

    def test_another_key_is_another_run(self, experiment):
        others = [
            {"candidate": "random_forest"},
            {"pipeline_run_id": "manual__2026-11-23T16:40:00+00:00"},
            {"dataset_digest": "cd" * 32},
            {"horizon": "within_30_days"},
            {"seed": 1},
        ]

        runs = {experiment.start(key).run_id for key in (KEY, *(replace(KEY, **other) for other in others))}

        assert len(runs) == 6

    def test_a_recorded_run_is_finished_with_everything_that_was_logged(self, experiment):
        run = experiment.start(KEY)

        with experiment.recording(run.run_id):
            experiment.log(run.run_id, **LOGGED)

        again = experiment.start(KEY)
        assert (again.run_id, again.finished) == (run.run_id, True)
        assert again.metrics == {"validation_roc_auc": 0.68}
        assert again.tags["data_source"] == "synthetic"

    def test_a_run_that_fails_is_taken_up_again(self, experiment):
        run = experiment.start(KEY)

        with pytest.raises(RuntimeError), experiment.recording(run.run_id):
            raise RuntimeError("out of memory")

        again = experiment.start(KEY)
        assert (again.run_id, again.finished) == (run.run_id, False)
        with experiment.recording(run.run_id):
            assert not experiment.run(run.run_id).finished
        assert experiment.start(KEY).finished

    def test_logging_twice_leaves_the_later_numbers(self, experiment):
        run = experiment.start(KEY)

        for auc in (0.5, 0.6):
            experiment.log(run.run_id, params={"seed": 0}, tags={"trained_at": str(auc)}, metrics={"test_roc_auc": auc})

        assert experiment.run(run.run_id).metrics == {"test_roc_auc": 0.6}
        assert experiment.run(run.run_id).tags["trained_at"] == "0.6"

    def test_a_logged_model_comes_back_with_the_same_probabilities(self, experiment, split_cohort):
        run, rows = experiment.start(KEY), split_cohort(1_500, 11)
        pipeline = self.log_model(experiment, run.run_id, "logistic_regression", rows)

        loaded = experiment.load_pipeline(run.run_id, load("logistic_regression").trusted_types)

        np.testing.assert_array_equal(loaded.predict_proba(rows), pipeline.predict_proba(rows))

    def test_a_model_of_types_that_are_not_trusted_is_not_loaded(self, experiment, split_cohort):
        run = experiment.start(KEY)
        self.log_model(experiment, run.run_id, "random_forest", split_cohort(1_500, 11))

        with pytest.raises(InvalidModel, match="not ours"):
            experiment.load_pipeline(run.run_id, load("logistic_regression").trusted_types)

    def log_model(self, experiment, run_id, candidate, rows):
        declared, pipeline = load(candidate), fit(candidate, rows, "any", seed=0)
        experiment.log_artifacts(
            run_id,
            pipeline,
            {"roc.png": b"a picture"},
            trusted_types=declared.trusted_types,
            requirements=declared.requirements,
        )
        return pipeline
