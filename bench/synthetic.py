"""Measures how fast the synthetic cohort is made and how similar it is to the real one: ``python bench/synthetic.py``.

With ``DATA_PATH`` set, the table also has the figures of the real file.
"""

import time

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from readmission.data_api.encounter_file import read_encounters
from readmission.domain.cleaning import clean, validate_raw
from readmission.domain.cohort import patient_split
from readmission.domain.horizon import HORIZONS
from readmission.domain.schema import FEATURES, NAME_OF_RAW, Kind
from readmission.modeling.features import ClinicalEncoder
from readmission.settings import DataApiSettings
from readmission.synthetic.cohort import cohort

NUMBERS = [position for position, column in enumerate(FEATURES) if column.kind is Kind.NUMBER]


def main() -> None:
    """Print the time for 100,000 rows and the table of figures."""
    started = time.perf_counter()
    columns = cohort(100_000, seed=0)
    print(f"100,000 synthetic rows: {time.perf_counter() - started:.2f} s")
    figures = {"synthetic": _figures(pd.DataFrame(columns))}
    path = DataApiSettings().data_path
    if path:
        figures["real"] = _figures(read_encounters(path).to_pandas())
    print(pd.DataFrame(figures).to_string(float_format="{:.4f}".format))


def _figures(frame: pd.DataFrame) -> dict[str, float]:
    frame = frame.astype({name: "str" for name in frame if frame[name].dtype == "category"})
    raw = validate_raw(frame.rename(columns=NAME_OF_RAW))
    per_patient = raw["patient_nbr"].value_counts()
    has_next = raw.sort_values("encounter_id")["patient_nbr"].duplicated(keep="last")
    encounters_of = raw["patient_nbr"].map(per_patient)
    figures = {
        "encounters per patient": float(per_patient.mean()),
        "most of one patient": float(per_patient.max()),
        "readmitted": float((raw["readmitted"] != "NO").mean()),
        "readmitted within 30 days": float((raw["readmitted"] == "<30").mean()),
        "non-last encounters readmitted": float((raw["readmitted"] != "NO")[has_next].mean()),
        "mean number_inpatient": float(raw["number_inpatient"].mean()),
        "AUC of counting encounters": roc_auc_score(raw["readmitted"] != "NO", encounters_of),
    }
    figures |= {f"missing {name}": float(raw[name].isna().mean()) for name in raw if raw[name].isna().any()}
    return figures | _aucs(clean(raw).frame)


def _aucs(frame: pd.DataFrame) -> dict[str, float]:
    split = frame["patient_nbr"].map(lambda patient: patient_split(int(patient)))
    X = ClinicalEncoder().fit_transform(frame)
    figures = {}
    for horizon in HORIZONS.values():
        outcome = frame[horizon.column]
        for name, model in _models().items():
            model.fit(X[split == "train"], outcome[split == "train"])
            probability = model.predict_proba(X[split == "test"])[:, 1]
            figures[f"test AUC {horizon.name}, {name}"] = roc_auc_score(outcome[split == "test"], probability)
    return figures


def _models() -> dict[str, object]:
    categories = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)
    others = [position for position in range(len(FEATURES)) if position not in NUMBERS]
    prepare = ColumnTransformer([("numbers", StandardScaler(), NUMBERS), ("categories", categories, others)])
    return {
        "logistic": make_pipeline(prepare, LogisticRegression(C=0.1, max_iter=500)),
        "gradient boosting": HistGradientBoostingClassifier(max_iter=150, learning_rate=0.08, random_state=0),
    }


if __name__ == "__main__":
    main()
