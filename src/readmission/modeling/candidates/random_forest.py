"""Random forest.

Hyperparameters were tuned by hand on the real encounters; ``bench/candidates.py`` shows what they give.
"""

from sklearn.ensemble import RandomForestClassifier

from readmission.modeling.candidate import PIPELINE_TYPES, THREADS, Candidate
from readmission.modeling.preparation import for_trees


def _estimator(seed: int) -> RandomForestClassifier:
    return RandomForestClassifier(
        n_estimators=100,
        min_samples_leaf=10,
        # bounds the size of the model file to 7 MB, whatever the number of rows
        max_leaf_nodes=1000,
        max_features=0.3,
        n_jobs=THREADS,
        random_state=seed,
    )


CANDIDATE = Candidate(
    prepare=for_trees,
    estimator=_estimator,
    trusted_types=(*PIPELINE_TYPES, "sklearn.tree._tree.Tree"),
)
