"""A candidate's whole pipeline, from clean clinical values to the probability of readmission."""

import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from readmission.domain.horizon import HORIZONS, HorizonName
from readmission.modeling.candidate import THREADS
from readmission.modeling.candidates import load
from readmission.modeling.features import ClinicalEncoder


def build(candidate: str, seed: int) -> Pipeline:
    """An unfitted pipeline of encoder, preparation and estimator.

    Raises ``KeyError`` for a name that is not in ``CANDIDATE_NAMES``.
    """
    declared = load(candidate)
    return Pipeline(
        [
            ("encode", ClinicalEncoder()),
            ("prepare", declared.prepare()),
            ("classify", declared.estimator(seed)),
        ]
    )


def fit(candidate: str, train: pd.DataFrame, horizon: HorizonName, seed: int) -> Pipeline:
    """A pipeline fitted on clean encounters; the same rows and seed give the same model.

    Raises ``KeyError`` for a name that is not in ``CANDIDATE_NAMES``.
    """
    with threadpool_limits(limits=THREADS):
        return build(candidate, seed).fit(train, train[HORIZONS[horizon].column].to_numpy())
