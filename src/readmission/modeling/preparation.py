"""The second step of a candidate's pipeline: the matrix of ``domain.encoding`` in the form that its estimator needs."""

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from readmission.domain.schema import FEATURE_NAMES, FEATURES, Kind
from readmission.modeling.features import Log1p

VISITS = ("number_outpatient", "number_emergency", "number_inpatient")
NUMBERS = tuple(column.name for column in FEATURES if column.kind is Kind.NUMBER)
CATEGORIES = tuple(name for name in FEATURE_NAMES if name not in NUMBERS)


def for_trees() -> ColumnTransformer:
    """Imputed numbers, then imputed category codes, which trees can split without further encoding."""
    return ColumnTransformer(
        [
            ("numbers", _known_numbers(), _positions(NUMBERS)),
            ("categories", _known_categories(), _positions(CATEGORIES)),
        ]
    )


def for_linear() -> ColumnTransformer:
    """Scaled numbers, scaled logarithms of the counts of visits, and one column for each category."""
    # age bands are evenly spaced, so age as a number needs one coefficient instead of ten
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


def _positions(names: tuple[str, ...]) -> list[int]:
    return [FEATURE_NAMES.index(name) for name in names]


def _known_numbers() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _known_categories() -> SimpleImputer:
    # unknown is its own category: the ONNX exports handle NaN in trees differently, so no estimator may get NaN
    return SimpleImputer(strategy="constant", fill_value=-1, keep_empty_features=True)
