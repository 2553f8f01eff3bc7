"""LightGBM.

Hyperparameters were tuned by hand on the real encounters; ``bench/candidates.py`` shows what they give.
"""

from lightgbm import LGBMClassifier
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

from readmission.modeling.candidate import PIPELINE_REQUIREMENTS, PIPELINE_TYPES, THREADS, Candidate
from readmission.modeling.onnx_converters import CLASSIFIER_OPTIONS, OnnxConverter, classifier_shape
from readmission.modeling.preparation import for_trees


def _estimator(seed: int) -> LGBMClassifier:
    return LGBMClassifier(
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


CANDIDATE = Candidate(
    prepare=for_trees,
    estimator=_estimator,
    trusted_types=(
        *PIPELINE_TYPES,
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
    ),
    requirements=(*PIPELINE_REQUIREMENTS, "lightgbm"),
    converters=(
        OnnxConverter(LGBMClassifier, "LightGbmLGBMClassifier", classifier_shape, convert_lightgbm, CLASSIFIER_OPTIONS),
    ),
)
