"""What a candidate model declares about itself."""

from collections.abc import Callable
from dataclasses import dataclass

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer

from readmission.modeling.onnx_converters import OnnxConverter

# what the pipeline of every candidate is made of, beside its estimator
PIPELINE_TYPES = ("numpy.dtype", "readmission.modeling.features.ClinicalEncoder")
PIPELINE_REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")

# the runs of several candidates share the machine: each has one thread
THREADS = 1


@dataclass(frozen=True)
class Candidate:
    """One estimator that competes to be the model.

    ``prepare``: an unfitted transformer of the matrix of ``domain.encoding``. ``estimator``: takes the random seed.
    ``trusted_types``: the full names of all types that its skops file may hold; a file with another type is not loaded.
    ``requirements``: the distributions that a reader of its skops file needs, without versions.
    ``converters``: what skl2onnx must be told to export it.
    """

    prepare: Callable[[], ColumnTransformer]
    estimator: Callable[[int], BaseEstimator]
    trusted_types: tuple[str, ...] = PIPELINE_TYPES
    requirements: tuple[str, ...] = PIPELINE_REQUIREMENTS
    converters: tuple[OnnxConverter, ...] = ()
