"""Fits the parameters of the synthetic cohort to the real file. They contain no row of it.

Cells with fewer than ``SMALLEST_CELL`` encounters are left out.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from readmission.domain.encoding import icd9_group
from readmission.domain.schema import COLUMN, DOSES, NAME_OF_RAW, NAMES, READMITTED
from readmission.synthetic.cohort import DEATH, draw
from readmission.synthetic.network import BANDS, MISSING, parse_network

SMALLEST_CELL = 10
WEIGHTS_SUM = 100_000
# rare categories must not get extreme coefficients
REGULARISATION = 0.1
ROOT = "*"
MISSING_GROUP = "missing"
TRIAL_ROWS = 100_000
# a model cannot learn the effects of rare values; with this extra spread, its test AUC matches that on real rows
MORE_SPREAD = 1.1
# the outcome decides who comes back, which shifts the columns of later encounters; this converges in a few rounds
STRENGTHENING_ROUNDS = 3

DIAGNOSES = ("diag_1", "diag_2", "diag_3")
DRUGS = tuple(name for name in NAMES if COLUMN[name].values == DOSES and name != "insulin")
# each column and the column that its frequencies depend on, in the order of drawing
GIVEN: dict[str, str | None] = {
    "race": None,
    "gender": "race",
    "age": "race",
    "weight": None,
    "admission_type_id": None,
    "admission_source_id": "admission_type_id",
    "discharge_disposition_id": "age",
    "diag_1_group": "age",
    "diag_1": "diag_1_group",
    "diag_2_group": "diag_1_group",
    "diag_2": "diag_2_group",
    "diag_3_group": "diag_2_group",
    "diag_3": "diag_3_group",
    "time_in_hospital": "diag_1_group",
    "payer_code": "age",
    "medical_specialty": "diag_1_group",
    "num_lab_procedures": "time_in_hospital",
    "num_procedures": "diag_1_group",
    "num_medications": "time_in_hospital",
    "number_inpatient": None,
    "number_outpatient": "number_inpatient",
    "number_emergency": "number_inpatient",
    "number_diagnoses": "age",
    "max_glu_serum": "admission_type_id",
    "A1Cresult": "diag_1_group",
    "insulin": "A1Cresult",
    **dict.fromkeys(DRUGS, "insulin"),
}
EFFECTS = (
    *(name for name in GIVEN if name not in (*DIAGNOSES, "weight")),
    "change_medication",
    "diabetesMed",
)


def main(path: Path, target: Path) -> None:
    """Fit the parameters to the real file at ``path`` (CSV, gzipped or not) and write them to ``target`` as JSON."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    raw = pd.read_csv(path, keep_default_na=False, na_values=["?"], low_memory=False).rename(columns=NAME_OF_RAW)
    target.write_text(_json({**fit(raw), "fitted_on": {"sha256": sha256, "rows": len(raw)}}), encoding="utf-8")


def fit(raw: pd.DataFrame) -> dict[str, Any]:
    """Fit the parameters to a raw frame with the columns ``NAMES``, in which missing values are NA.

    The result holds the network, the outcome models and the shares of patients who come back. ``parse_network`` reads
    it.
    """
    labels = _labels(raw)
    ordered = labels.iloc[np.argsort(raw["encounter_id"].to_numpy(), kind="stable")]
    later = ordered["patient_nbr"].duplicated()
    previous = ordered.groupby("patient_nbr", sort=False).shift(1)[later]
    current = ordered[later]
    figures = {
        "network": [_column(name, labels, ordered[~later], previous, current) for name in GIVEN],
        "number_inpatient_change": _number_inpatient_change(previous, current),
        "outcome": _outcome(labels),
        "comes_back": _comes_back(ordered),
    }
    _strengthen(figures)
    return figures


def _labels(raw: pd.DataFrame) -> pd.DataFrame:
    """All columns as text, with ``MISSING`` for missing values, and the disease group of each diagnosis."""
    texts = {name: raw[name].astype("str").where(raw[name].notna(), MISSING) for name in NAMES}
    for name in DIAGNOSES:
        groups = {code: icd9_group(code) if code else MISSING_GROUP for code in texts[name].unique()}
        texts[f"{name}_group"] = texts[name].map(groups)
    return pd.DataFrame(texts)


def _column(
    name: str, labels: pd.DataFrame, first: pd.DataFrame, previous: pd.DataFrame, current: pd.DataFrame
) -> dict[str, Any]:
    # later encounters get it from the previous encounter, see number_inpatient_change
    rows = first if name == "number_inpatient" else labels
    return {
        "name": name,
        "given": GIVEN[name],
        "kept": None if name in DIAGNOSES else _kept(previous[name], current[name], labels[name]),
        "table": _table(rows[name], _banded(rows, GIVEN[name])),
    }


def _kept(previous: pd.Series, current: pd.Series, everyone: pd.Series) -> float:
    """How much more often a patient's value stays the same than by chance, from 0 to 1."""
    same = float((previous == current).mean())
    chance = float((everyone.value_counts(normalize=True) ** 2).sum())
    return round(max(0.0, (same - chance) / (1 - chance)), 3) if chance < 1 else 0.0


def _table(values: pd.Series, given: pd.Series | None) -> dict[str, dict[str, int]]:
    if given is None:
        return {ROOT: weights(values.value_counts())}
    return {str(label): weights(group.value_counts()) for label, group in values.groupby(given, sort=True)}


def weights(counts: pd.Series) -> dict[str, int]:
    """Scale counts to integers with the sum ``WEIGHTS_SUM``. Small cells are left out, but at least one cell stays."""
    kept = counts[(counts >= SMALLEST_CELL) | counts.index.isin([MISSING, MISSING_GROUP])]
    kept = kept if len(kept) else counts.head(1)
    weights = (kept / kept.sum() * WEIGHTS_SUM).round().astype(int)
    return {str(value): int(weight) for value, weight in weights.items() if weight}


def _banded(labels: pd.DataFrame, name: str | None) -> pd.Series | None:
    if name is None:
        return None
    if name not in BANDS:
        return labels[name]
    width, highest = BANDS[name]
    return (labels[name].astype(int) // width).clip(upper=highest).astype("str")


def _number_inpatient_change(previous: pd.DataFrame, current: pd.DataFrame) -> dict[str, Any]:
    change = current["number_inpatient"].astype(int) - previous["number_inpatient"].astype(int)
    return {
        "name": "number_inpatient_change",
        "given": "number_inpatient",
        "kept": None,
        "table": _table(change, _banded(previous, "number_inpatient")),
    }


def _comes_back(ordered: pd.DataFrame) -> dict[str, float]:
    has_next = ordered["patient_nbr"].duplicated(keep="last")
    shares = has_next.groupby(ordered["readmitted"]).mean()
    return {outcome: round(float(shares[outcome]), 4) for outcome in READMITTED}


def _outcome(labels: pd.DataFrame) -> dict[str, Any]:
    alive = labels[~labels["discharge_disposition_id"].isin([str(code) for code in DEATH])]
    readmitted = alive[alive["readmitted"] != "NO"]
    return {
        "any": _model(alive, (alive["readmitted"] != "NO").to_numpy()),
        "within_30_days": _model(readmitted, (readmitted["readmitted"] == "<30").to_numpy()),
    }


def _model(labels: pd.DataFrame, target: np.ndarray) -> dict[str, Any]:
    """Fit a logistic regression on values and bands. Returns its effects by label, and the logit's mean and spread."""
    columns = pd.DataFrame({name: _banded(labels, name) for name in EFFECTS}).to_numpy(dtype=object)
    encoder = OneHotEncoder(min_frequency=SMALLEST_CELL, handle_unknown="infrequent_if_exist").fit(columns)
    model = LogisticRegression(C=REGULARISATION, max_iter=1_000).fit(encoder.transform(columns), target)
    effects: dict[str, dict[str, float]] = {name: {} for name in EFFECTS}
    for feature, coefficient in zip(encoder.get_feature_names_out(EFFECTS), model.coef_[0], strict=True):
        name = next(name for name in sorted(EFFECTS, key=len, reverse=True) if feature.startswith(f"{name}_"))
        label = feature.removeprefix(f"{name}_")
        if label != "infrequent_sklearn":
            effects[name][label] = round(float(coefficient), 4)
    logit = model.decision_function(encoder.transform(columns))
    return {
        "intercept": float(model.intercept_[0]),
        "effects": effects,
        "logit": {"mean": round(float(logit.mean()), 4), "spread": round(float(logit.std()), 4)},
    }


def _strengthen(figures: dict[str, Any]) -> None:
    """Scale the effects until the logit has the same mean and spread in the synthetic cohort as in the real one.

    Without scaling the spread is too small: the network keeps only some of the dependence between columns, and
    independent effects cancel each other out.
    """
    for _ in range(STRENGTHENING_ROUNDS):
        network = parse_network(figures)
        drawn = draw(network, TRIAL_ROWS, seed=0)
        readmitted = drawn["readmitted"] != READMITTED.index("NO")
        for name, model, chosen in (
            ("any", network.any_readmission, slice(None)),
            ("within_30_days", network.within_30_days, readmitted),
        ):
            _match(figures["outcome"][name], model.logit(drawn)[chosen])


def _match(item: dict[str, Any], logit: np.ndarray) -> None:
    """Scale the model ``item`` so that its ``logit`` in the synthetic cohort has the real mean and spread."""
    scale = MORE_SPREAD * item["logit"]["spread"] / float(logit.std())
    item["intercept"] = round(item["logit"]["mean"] - scale * (float(logit.mean()) - item["intercept"]), 4)
    item["effects"] = {
        name: {label: round(effect * scale, 4) for label, effect in effects.items()}
        for name, effects in item["effects"].items()
    }


def _json(figures: dict[str, Any]) -> str:
    """Write one line for each column, so that the diff of a change is readable."""
    network = ",\n".join(json.dumps(item) for item in figures["network"])
    rest = {name: part for name, part in figures.items() if name != "network"}
    return '{"network": [\n' + network + "\n],\n" + json.dumps(rest)[1:] + "\n"
