"""The candidates' names without their estimators: Airflow reads the DAG often and must not load scikit-learn for it."""

CANDIDATE_NAMES = (
    "logistic_regression",
    "random_forest",
    "gradient_boosting",
    "hist_gradient_boosting",
    "lightgbm",
)
