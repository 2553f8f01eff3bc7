"""Chooses the background of a model from its training split."""

import numpy as np
import pandas as pd

from readmission.domain.background import BACKGROUND_ROWS
from readmission.modeling.features import ClinicalEncoder


def background_sample(train: pd.DataFrame, seed: int) -> np.ndarray:
    """``BACKGROUND_ROWS`` clean encounters as numbers, ``(n, len(FEATURES))`` float32; all of them if there are fewer.

    The same encounters in the same order, with the same seed, give the same sample.
    """
    count = min(BACKGROUND_ROWS, len(train))
    chosen = np.random.default_rng(seed).choice(len(train), count, replace=False)
    return ClinicalEncoder().transform(train.iloc[np.sort(chosen)])
