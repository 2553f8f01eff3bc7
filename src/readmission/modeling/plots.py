"""ROC, precision-recall and calibration curves as PNG files, without pyplot, which keeps figures in global state."""

import io
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from readmission.domain.bootstrap import Observations
from readmission.domain.cohort import Split

CALIBRATION_BINS = 10
_POINTS = 500

Scored = Mapping[Split, tuple[Observations, np.ndarray]]


def plot_all(scored: Scored, title: str) -> dict[str, bytes]:
    """PNG bytes by file name. ``scored``: outcomes and ``(n,)`` probabilities by the split's name."""
    return {
        "roc.png": _png(_roc(scored, title)),
        "precision_recall.png": _png(_precision_recall(scored, title)),
        "calibration.png": _png(_calibration(scored, title)),
    }


def _roc(scored: Scored, title: str) -> Figure:
    figure, axes = _axes(title, "false positive rate", "true positive rate")
    for split, (observed, probability) in scored.items():
        false_positive, true_positive, _ = roc_curve(observed.outcome, probability)
        axes.plot(_thinned(false_positive), _thinned(true_positive), label=split)
    return _with_diagonal(figure, axes, "chance")


def _precision_recall(scored: Scored, title: str) -> Figure:
    figure, axes = _axes(title, "recall", "precision")
    for split, (observed, probability) in scored.items():
        precision, recall, _ = precision_recall_curve(observed.outcome, probability)
        axes.plot(_thinned(recall), _thinned(precision), label=split)
    axes.legend()
    return figure


def _calibration(scored: Scored, title: str) -> Figure:
    figure, axes = _axes(title, "predicted risk", "observed share readmitted")
    for split, (observed, probability) in scored.items():
        share, risk = calibration_curve(observed.outcome, probability, n_bins=CALIBRATION_BINS, strategy="quantile")
        axes.plot(risk, share, marker="o", label=split)
    return _with_diagonal(figure, axes, "perfect")


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5, 5))
    figure.subplots_adjust(left=0.13, bottom=0.11, right=0.95, top=0.93)
    axes = figure.add_subplot(title=title, xlabel=x, ylabel=y, xlim=(0, 1), ylim=(0, 1))
    return figure, axes


def _with_diagonal(figure: Figure, axes: Axes, label: str) -> Figure:
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", label=label)
    axes.legend()
    return figure


def _thinned(values: np.ndarray) -> np.ndarray:
    return np.asarray(values[np.unique(np.linspace(0, len(values) - 1, _POINTS).astype(int))])


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
