"""The metrics of a model on each split, and the cut-offs that are chosen on the validation split."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_curve,
)

from readmission.domain.bootstrap import Observations, roc_auc_interval
from readmission.domain.calibration import Calibration, calibrate
from readmission.domain.cohort import Split
from readmission.domain.horizon import HORIZONS, HorizonName
from readmission.errors import NotEnoughData

MEDIUM_RISK_PERCENTILE = 50
HIGH_RISK_PERCENTILE = 80
# cut-offs are rounded, so that the pipeline and its float32 export put each patient on the same side of them
_DECIMALS = 4


@dataclass(frozen=True)
class CutOffs:
    """Cut-offs of the probability, between 0 and 1. From ``threshold`` upwards the prediction is 1.

    The risk bands are low below ``medium``, medium below ``high``, and high from there upwards.
    """

    threshold: float
    medium: float
    high: float


@dataclass(frozen=True)
class Measurement:
    """The evaluation of a model on every split.

    ``scored``: outcomes and ``(n,)`` probabilities by split. ``metrics``: by name, such as ``test_roc_auc``.
    ``calibrated``: whether the calibration on the validation split is good.
    """

    scored: dict[Split, tuple[Observations, np.ndarray]]
    cut_offs: CutOffs
    metrics: dict[str, float]
    calibrated: bool


def measure(
    predict: Callable[[pd.DataFrame], np.ndarray],
    frames: Mapping[Split, pd.DataFrame],
    horizon: HorizonName,
    *,
    rounds: int,
    seed: int,
) -> Measurement:
    """All metrics of a model. Cut-offs and ``calibrated`` come from the validation split only.

    ``predict``: ``n`` clean encounters to ``(n,)`` probabilities. ``rounds``: bootstrap samples for each interval.
    Raises ``NotEnoughData`` when a split has too few encounters or only one outcome.
    """
    # the outcomes come first, so that a split that cannot be measured is found before any prediction
    observed = {split: observations(frame, horizon) for split, frame in frames.items()}
    scored = {split: (observed[split], predict(frame)) for split, frame in frames.items()}
    cut_offs = choose_cut_offs(*scored["validation"])
    metrics = {
        "threshold": cut_offs.threshold,
        "risk_band_medium": cut_offs.medium,
        "risk_band_high": cut_offs.high,
    }
    for split, (outcomes, probability) in scored.items():
        metrics |= evaluate(split, outcomes, probability, cut_offs.threshold, rounds=rounds, seed=seed)
    calibration = Calibration(metrics["validation_calibration_slope"], metrics["validation_calibration_intercept"])
    return Measurement(scored, cut_offs, metrics, calibration.is_good)


def observations(frame: pd.DataFrame, horizon: HorizonName) -> Observations:
    """The outcomes and patients of clean encounters; raises ``NotEnoughData`` when they cannot measure a model."""
    return Observations.of(frame[HORIZONS[horizon].column].to_numpy(), frame["patient_nbr"].to_numpy())


def choose_cut_offs(observed: Observations, probability: np.ndarray) -> CutOffs:
    """The threshold with the largest Youden's J (sensitivity + specificity - 1), and bands at percentiles 50 and 80.

    Source: Youden 1950, doi 10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """
    false_positive, true_positive, thresholds = roc_curve(observed.outcome, probability)
    # the first point of the curve predicts nobody, and its threshold is infinite
    best = 1 + int(np.argmax((true_positive - false_positive)[1:]))
    medium, high = np.percentile(probability, [MEDIUM_RISK_PERCENTILE, HIGH_RISK_PERCENTILE])
    return CutOffs(*(round(float(value), _DECIMALS) for value in (thresholds[best], medium, high)))


def evaluate(
    split: Split, observed: Observations, probability: np.ndarray, threshold: float, *, rounds: int, seed: int
) -> dict[str, float]:
    """All metrics of one split, named ``<split>_<metric>``.

    The train split may lack the calibration metrics. Raises ``NotEnoughData`` when the calibration of a held-out split
    has no finite slope.
    """
    prediction = probability >= threshold
    auc = roc_auc_interval(observed, probability, rounds, seed)
    metrics = {
        "roc_auc": auc.value,
        "roc_auc_low": auc.low,
        "roc_auc_high": auc.high,
        "average_precision": average_precision_score(observed.outcome, probability),
        "brier": brier_score_loss(observed.outcome, probability),
        "log_loss": log_loss(observed.outcome, probability),
        "accuracy": accuracy_score(observed.outcome, prediction),
        "precision": precision_score(observed.outcome, prediction, zero_division=0),
        "recall": recall_score(observed.outcome, prediction),
        "f1": f1_score(observed.outcome, prediction),
    } | _calibration_metrics(split, observed, probability)
    return {f"{split}_{name}": float(value) for name, value in metrics.items()}


def _calibration_metrics(split: Split, observed: Observations, probability: np.ndarray) -> dict[str, float]:
    try:
        calibration = calibrate(observed.outcome, probability)
    except NotEnoughData:
        # a model can separate few training rows perfectly, which has no finite calibration slope
        if split != "train":
            raise
        return {}
    return {"calibration_slope": calibration.slope, "calibration_intercept": calibration.intercept}
