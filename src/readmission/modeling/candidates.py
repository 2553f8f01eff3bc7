"""The estimators that compete: each a whole pipeline, raw clinical values in, probability of readmission out.

Hyperparameters were tuned by hand on the real encounters; ``bench/candidates.py`` shows what they give.
"""

from collections.abc import Callable

import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from readmission.domain.cohort import TARGET_COLUMN, Target
from readmission.domain.schema import FEATURE_NAMES, FEATURES, Kind
from readmission.modeling.features import ClinicalEncoder, Log1p

VISITS = ("number_outpatient", "number_emergency", "number_inpatient")
NUMBERS = tuple(column.name for column in FEATURES if column.kind is Kind.NUMBER)
CATEGORIES = tuple(name for name in FEATURE_NAMES if name not in NUMBERS)

# the runs of several candidates share the machine: each has one thread
THREADS = 1


def build(candidate: str, seed: int) -> Pipeline:
    """An unfitted pipeline; raises ``KeyError`` for a name that is not in ``CANDIDATES``."""
    prepare, estimator = CANDIDATES[candidate](seed)
    return Pipeline([("encode", ClinicalEncoder()), ("prepare", prepare), ("classify", estimator)])


def fit(candidate: str, train: pd.DataFrame, target: Target, seed: int) -> Pipeline:
    """A pipeline fitted on clean encounters; the same rows and seed give the same model."""
    with threadpool_limits(limits=THREADS):
        return build(candidate, seed).fit(train, train[TARGET_COLUMN[target]].to_numpy())


def _positions(names: tuple[str, ...]) -> list[int]:
    return [FEATURE_NAMES.index(name) for name in names]


def _known_numbers() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _known_categories() -> SimpleImputer:
    # "unknown" as a category of its own: no estimator sees NaN, whose way through a tree the exports disagree about
    return SimpleImputer(strategy="constant", fill_value=-1, keep_empty_features=True)


def _for_trees() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("numbers", _known_numbers(), _positions(NUMBERS)),
            ("categories", _known_categories(), _positions(CATEGORIES)),
        ]
    )


def _for_linear() -> ColumnTransformer:
    # age bands are evenly spaced: as a number they cost one coefficient instead of ten
    scaled = (*(name for name in NUMBERS if name not in VISITS), "age")
    one_hot = tuple(name for name in CATEGORIES if name != "age")
    return ColumnTransformer(
        [
            ("scaled", make_pipeline(_known_numbers(), StandardScaler()), _positions(scaled)),
            ("visits", make_pipeline(_known_numbers(), Log1p(), StandardScaler()), _positions(VISITS)),
            (
                "one_hot",
                make_pipeline(_known_categories(), OneHotEncoder(handle_unknown="ignore")),
                _positions(one_hot),
            ),
        ]
    )


def _logistic_regression(seed: int) -> tuple[ColumnTransformer, BaseEstimator]:
    return _for_linear(), LogisticRegression(C=0.05, max_iter=1000, random_state=seed)


def _random_forest(seed: int) -> tuple[ColumnTransformer, BaseEstimator]:
    return _for_trees(), RandomForestClassifier(
        n_estimators=100,
        min_samples_leaf=10,
        # the model file grows with the leaves, not with the rows: 7 MB at most
        max_leaf_nodes=1000,
        max_features=0.3,
        n_jobs=THREADS,
        random_state=seed,
    )


def _gradient_boosting(seed: int) -> tuple[ColumnTransformer, BaseEstimator]:
    return _for_trees(), GradientBoostingClassifier(
        n_estimators=200,
        learning_rate=0.05,
        max_depth=5,
        min_samples_leaf=30,
        subsample=0.7,
        max_features=0.2,
        random_state=seed,
    )


def _hist_gradient_boosting(seed: int) -> tuple[ColumnTransformer, BaseEstimator]:
    return _for_trees(), HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=250,
        max_leaf_nodes=20,
        min_samples_leaf=40,
        max_features=0.5,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    )


def _lightgbm(seed: int) -> tuple[ColumnTransformer, BaseEstimator]:
    return _for_trees(), LGBMClassifier(
        learning_rate=0.03,
        n_estimators=400,
        num_leaves=31,
        min_child_samples=40,
        reg_lambda=5.0,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.3,
        n_jobs=THREADS,
        verbose=-1,
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
    )


CANDIDATES: dict[str, Callable[[int], tuple[ColumnTransformer, BaseEstimator]]] = {
    "logistic_regression": _logistic_regression,
    "random_forest": _random_forest,
    "gradient_boosting": _gradient_boosting,
    "hist_gradient_boosting": _hist_gradient_boosting,
    "lightgbm": _lightgbm,
}
