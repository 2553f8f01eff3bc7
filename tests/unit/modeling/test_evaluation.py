import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from readmission.domain.bootstrap import Observations
from readmission.errors import NotEnoughData
from readmission.modeling.evaluation import choose_cut_offs, evaluate, measure, observations

METRICS = {
    "roc_auc", "roc_auc_low", "roc_auc_high", "average_precision", "brier", "log_loss", "calibration_slope",
    "calibration_intercept", "accuracy", "precision", "recall", "f1",
}  # fmt: skip


def encounters(n, seed):
    """Rows with a risk, an outcome that follows it, and two encounters of each patient."""
    random = np.random.default_rng(seed)
    risk = random.beta(2, 2, size=n)
    outcome = (random.random(n) < risk).astype("int8")
    return pd.DataFrame(
        {"patient_nbr": np.arange(n) // 2, "risk": risk, "readmitted": outcome, "readmitted_within_30_days": 0}
    )


@pytest.fixture
def frames():
    return {"train": encounters(2_000, 1), "validation": encounters(800, 2), "test": encounters(800, 3)}


def predict(frame):
    return frame["risk"].to_numpy()


def test_every_split_gets_every_metric(frames):
    measurement = measure(predict, frames, "any", rounds=20, seed=0)

    expected = {f"{split}_{metric}" for split in frames for metric in METRICS}
    assert set(measurement.metrics) == expected | {"threshold", "risk_band_medium", "risk_band_high"}
    assert np.isfinite(list(measurement.metrics.values())).all()
    assert measurement.metrics["test_roc_auc"] == pytest.approx(
        roc_auc_score(frames["test"]["readmitted"], frames["test"]["risk"])
    )


def test_cut_offs_and_calibration_come_from_the_validation_split_alone(frames):
    alone = measure(predict, frames, "any", rounds=20, seed=0)
    others = frames | {"train": encounters(500, 8), "test": encounters(500, 9).assign(risk=lambda f: f["risk"] / 3)}

    measurement = measure(predict, others, "any", rounds=20, seed=0)

    assert measurement.cut_offs == alone.cut_offs
    assert measurement.calibrated is alone.calibrated is True


def test_too_extreme_risks_are_not_called_calibrated(frames):
    def extreme(frame):
        odds = (frame["risk"] / (1 - frame["risk"])).to_numpy() ** 3
        return odds / (1 + odds)

    measurement = measure(extreme, frames, "any", rounds=20, seed=0)

    assert not measurement.calibrated


def by_heart(frame):
    return frame["readmitted"] * 0.5 + 0.25 + frame["risk"] / 10


def test_a_model_that_knows_its_training_rows_by_heart_has_no_calibration_there(frames):
    train = frames["train"].assign(risk=by_heart)

    metrics = measure(predict, frames | {"train": train}, "any", rounds=20, seed=0).metrics

    assert metrics["train_roc_auc"] == 1
    assert "train_calibration_slope" not in metrics
    assert "test_calibration_slope" in metrics


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_model_that_knows_held_out_rows_by_heart_is_refused(frames, split):
    with pytest.raises(NotEnoughData, match="separate the outcomes perfectly"):
        measure(predict, frames | {split: frames[split].assign(risk=by_heart)}, "any", rounds=20, seed=0)


def test_the_threshold_maximises_sensitivity_plus_specificity():
    observed = Observations.of(np.array([0, 0, 0, 1, 0, 1, 1, 1]), np.arange(8))
    probability = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])

    cut_offs = choose_cut_offs(observed, probability)

    assert cut_offs.threshold in (0.4, 0.6)


def test_the_bands_split_the_patients_in_half_and_at_the_riskiest_fifth():
    observed = Observations.of(np.arange(1_000) % 2, np.arange(1_000))

    cut_offs = choose_cut_offs(observed, np.linspace(0, 1, 1_000))

    assert (cut_offs.medium, cut_offs.high) == (0.5, 0.8)


def test_useless_risks_still_get_a_finite_threshold():
    observed = Observations.of(np.array([1, 1, 0, 0]), np.arange(4))

    cut_offs = choose_cut_offs(observed, np.array([0.1, 0.2, 0.8, 0.9]))

    assert 0 <= cut_offs.threshold <= 1


def test_a_threshold_that_nobody_reaches_has_precision_0():
    observed, probability = (
        Observations.of(np.array([1, 0, 1, 0, 1, 0]), np.arange(6)),
        np.array([0.4, 0.3, 0.2, 0.25, 0.35, 0.38]),
    )

    metrics = evaluate("test", observed, probability, 0.9, rounds=50, seed=0)

    assert (metrics["test_precision"], metrics["test_recall"]) == (0, 0)


def test_an_outcome_that_never_happens_is_refused_by_name(frames):
    with pytest.raises(NotEnoughData, match="0 of them readmitted"):
        observations(frames["test"], "within_30_days")


def test_a_split_without_rows_is_refused_before_the_model_works(frames):
    def must_not_run(frame):
        pytest.fail(f"the model was asked about {len(frame)} encounters")

    with pytest.raises(NotEnoughData):
        measure(must_not_run, frames | {"test": frames["test"].iloc[:0]}, "any", rounds=20, seed=0)
