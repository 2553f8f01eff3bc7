"""What each candidate gives and costs: ``python bench/candidates.py [any|within_30_days]``.

With ``DATA_PATH`` set it takes the real encounters, else the synthetic cohort; first one batch, then all rows.
Fitting has one thread, so its CPU seconds are what a machine with a free core takes.
"""

import sys
import time
import timeit
from datetime import UTC, datetime

import pandas as pd

from readmission.adapters.onnx_model import OnnxModel
from readmission.data_api.encounter_file import read_encounters
from readmission.domain.cleaning import clean, validate_raw
from readmission.domain.cohort import SPLITS, patient_split
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import NAME_OF_RAW
from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.modeling.evaluation import measure
from readmission.modeling.export import check_parity, export
from readmission.modeling.features import ClinicalEncoder
from readmission.modeling.fit import fit
from readmission.settings import DataApiSettings, PipelineSettings
from readmission.synthetic.cohort import cohort

CALLS = 2_000
HEADER = (
    f"{'candidate':23} {'CPU s':>6} {'validation AUC':>22} {'test AUC':>22} {'Brier':>6} {'slope':>6} {'interc.':>7}"
    f" {'parity':>8} {'us/row':>6} {'file kB':>7}"
)


def main(target: str = "any") -> None:
    settings = DataApiSettings()
    raw = _raw(settings)
    for rows in (settings.batch_size, len(raw)):
        encounters = clean(validate_raw(raw.head(rows))).frame
        split = encounters["patient_nbr"].map(patient_split)
        frames = {name: encounters[split == name] for name in SPLITS}
        print(f"\n{rows} rows, target {target}: " + ", ".join(f"{name} {len(frames[name])}" for name in SPLITS))
        print(HEADER)
        pipeline = PipelineSettings()
        seconds = sum(_measure(candidate, frames, target, pipeline) for candidate in CANDIDATE_NAMES)
        print(f"all candidates fitted in {seconds:.1f} s")


def _raw(settings: DataApiSettings) -> pd.DataFrame:
    if settings.data_path:
        frame = read_encounters(settings.data_path).to_pandas()
    else:
        frame = pd.DataFrame(cohort(settings.synthetic_rows, settings.synthetic_seed))
    return frame.rename(columns=NAME_OF_RAW)


def _measure(candidate: str, frames: dict[str, pd.DataFrame], target: str, settings: PipelineSettings) -> float:
    began = time.process_time()
    pipeline = fit(candidate, frames["train"], target, settings.model_seed)
    seconds = time.process_time() - began
    found = measure(
        lambda frame: pipeline.predict_proba(frame)[:, 1],
        frames,
        target,
        rounds=settings.bootstrap_rounds,
        seed=settings.model_seed,
    )
    cut_offs = found.cut_offs
    metadata = ModelFileMetadata(
        target,
        cut_offs.threshold,
        cut_offs.medium,
        cut_offs.high,
        "bench",
        candidate,
        found.calibrated,
        "-",
        datetime.now(UTC),
    )
    data = export(pipeline, metadata)
    model = OnnxModel.from_bytes(data)
    parity = check_parity(pipeline, model.predict_probability, frames["validation"])
    numbers = found.metrics
    print(
        f"{candidate:23} {seconds:6.1f} {_interval(numbers, 'validation')} {_interval(numbers, 'test')}"
        f" {numbers['test_brier']:6.4f} {numbers['test_calibration_slope']:6.2f}"
        f" {numbers['test_calibration_intercept']:+7.3f} {parity:8.1e} {_microseconds(model, frames['test']):6.1f}"
        f" {len(data) / 1000:7.0f}",
        flush=True,
    )
    return seconds


def _interval(numbers: dict[str, float], split: str) -> str:
    value, low, high = (numbers[f"{split}_roc_auc{end}"] for end in ("", "_low", "_high"))
    return f"{value:.4f} ({low:.4f}-{high:.4f})"


def _microseconds(model: OnnxModel, frame: pd.DataFrame) -> float:
    row = ClinicalEncoder().transform(frame.head(1))
    return min(timeit.repeat(lambda: model.predict_probability(row), number=CALLS, repeat=5)) / CALLS * 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
