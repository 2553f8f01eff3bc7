"""Gradient boosting of scikit-learn.

Hyperparameters were tuned by hand on the real encounters; ``bench/candidates.py`` shows what they give.
"""

from sklearn.ensemble import GradientBoostingClassifier

from readmission.modeling.candidate import PIPELINE_TYPES, Candidate
from readmission.modeling.preparation import for_trees


def _estimator(seed: int) -> GradientBoostingClassifier:
    return GradientBoostingClassifier(
        n_estimators=200,
        learning_rate=0.05,
        max_depth=5,
        min_samples_leaf=30,
        subsample=0.7,
        max_features=0.2,
        random_state=seed,
    )


CANDIDATE = Candidate(
    prepare=for_trees,
    estimator=_estimator,
    trusted_types=(*PIPELINE_TYPES, "sklearn.tree._tree.Tree"),
)
