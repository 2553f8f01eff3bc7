"""Logistic regression.

Hyperparameters were tuned by hand on the real encounters; ``bench/candidates.py`` shows what they give.
"""

from sklearn.linear_model import LogisticRegression

from readmission.modeling.candidate import PIPELINE_TYPES, Candidate
from readmission.modeling.onnx_converters import LOG1P
from readmission.modeling.preparation import for_linear


def _estimator(seed: int) -> LogisticRegression:
    return LogisticRegression(C=0.05, max_iter=1000, random_state=seed)


CANDIDATE = Candidate(
    prepare=for_linear,
    estimator=_estimator,
    trusted_types=(*PIPELINE_TYPES, "readmission.modeling.features.Log1p"),
    converters=(LOG1P,),
)
