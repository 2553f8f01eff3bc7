import numpy as np
from matplotlib._pylab_helpers import Gcf

from readmission.domain.bootstrap import Observations
from readmission.modeling.plots import plot_all


def scored(n, seed):
    random = np.random.default_rng(seed)
    risk = random.random(n)
    return Observations.of(random.random(n) < risk, np.arange(n)), risk


def size(png):
    """Width and height of a PNG, from its header."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_three_curves_are_drawn_as_png_of_bearable_size():
    plots = plot_all({"validation": scored(5_000, 1), "test": scored(5_000, 2)}, "a model")

    assert set(plots) == {"roc.png", "precision_recall.png", "calibration.png"}
    assert all(size(png) == (500, 500) and len(png) < 100_000 for png in plots.values())
    assert len(set(plots.values())) == 3


def test_a_small_split_can_be_drawn():
    plots = plot_all({"test": scored(6, 3)}, "a model")

    assert len(plots) == 3


def test_the_curves_follow_the_data():
    random = Observations.of(np.arange(400) % 2, np.arange(400)), np.linspace(0, 1, 400)
    perfect = Observations.of(np.arange(400) >= 200, np.arange(400)), np.linspace(0, 1, 400)

    assert plot_all({"test": random}, "a model")["roc.png"] != plot_all({"test": perfect}, "a model")["roc.png"]


def test_drawing_leaves_no_global_figures():
    plot_all({"test": scored(50, 4)}, "a model")

    assert Gcf.get_all_fig_managers() == []
