"""The declaration of a candidate model."""

from collections.abc import Callable
from dataclasses import dataclass

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer

from readmission.modeling.onnx_converters import OnnxConverter

# the types and distributions in every candidate's pipeline, in addition to those of its estimator
PIPELINE_TYPES = ("numpy.dtype", "readmission.modeling.features.ClinicalEncoder")
PIPELINE_REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")

# several candidates train on the machine at the same time, so each uses one thread
THREADS = 1


@dataclass(frozen=True)
class Candidate:
    """One estimator that is trained and compared with the others.

    ``prepare``: returns an unfitted transformer of the matrix of ``domain.encoding``. ``estimator``: takes the random
    seed and returns an unfitted estimator. ``trusted_types``: the full names of all types that its skops file may hold;
    a file with another type is not loaded. ``requirements``: the distributions that loading its skops file needs,
    without versions. ``converters``: the ONNX converters that skl2onnx lacks for it.
    """

    prepare: Callable[[], ColumnTransformer]
    estimator: Callable[[int], BaseEstimator]
    trusted_types: tuple[str, ...] = PIPELINE_TYPES
    requirements: tuple[str, ...] = PIPELINE_REQUIREMENTS
    converters: tuple[OnnxConverter, ...] = ()
