"""Measures how often the gate rejects honest models: ``python bench/gate.py --help``.

For each order of the rows, the batches arrive one after the other and the pipeline's candidates are trained on all rows
so far, as the pipeline does it. The first order is that of the source; the others are shuffled. The rows are the file
``DATA_PATH`` when it is set, else the synthetic cohort. ``--batches 1`` measures only first models, against the floor.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from readmission.data_api.encounter_file import read_encounters
from readmission.domain.bootstrap import roc_auc, roc_auc_difference, roc_auc_interval
from readmission.domain.cleaning import clean, validate_raw
from readmission.domain.cohort import SPLITS, patient_split
from readmission.domain.data_source import FILE, SYNTHETIC
from readmission.domain.gate.evidence import Challenger, Comparison, Evidence, Limits, Production
from readmission.domain.horizon import HORIZON_NAMES, HorizonName
from readmission.domain.promotion import Action, Decision, decide
from readmission.domain.schema import NAME_OF_RAW
from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.modeling.evaluation import measure, observations
from readmission.modeling.fit import fit
from readmission.pipeline.wiring import gate_limits
from readmission.settings import DataApiSettings, PipelineSettings
from readmission.synthetic.cohort import cohort

HEADER = (
    f"{'order':>5} {'batch':>5} {'test rows':>9} {'candidate':23} {'test AUC':>22} {'cal.':>4}"
    f" {'against production':>26} {'against best':>26}  decision"
)


@dataclass
class Trained:
    """A trained model with what the gate knows about it."""

    pipeline: Pipeline
    candidate: str
    batch_numbers: frozenset[int]
    calibrated: bool

    def probability(self, frame: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.pipeline.predict_proba(frame)[:, 1])


@dataclass
class Bench:
    """One horizon and source. ``judged``: by batch, the gate's action and the lower end of the AUC's interval."""

    horizon: HorizonName
    source: str
    settings: PipelineSettings
    limits: Limits
    candidates: list[str]
    judged: dict[int, list[tuple[Action, float]]] = field(default_factory=dict)

    def run(self, order: int, raw: pd.DataFrame, batch_size: int, batches: int) -> None:
        """Train and judge batch after batch; what the gate promotes is the production of the next batch."""
        served: list[Trained] = []
        for batch, frames in _batches(raw, batch_size, batches):
            challenger = self._train(frames, batch)
            evidence = self._evidence(challenger, served, frames["test"], batch)
            decision = decide(evidence)
            low = evidence.challenger.test_roc_auc.low
            self.judged.setdefault(batch, []).append((decision.action, low))
            _print(order, batch, challenger, evidence, decision, len(frames["test"]))
            if decision.action is Action.PROMOTE:
                served.append(challenger)

    def _train(self, frames: dict[str, pd.DataFrame], batch: int) -> Trained:
        found = []
        for candidate in self.candidates:
            pipeline = fit(candidate, frames["train"], self.horizon, self.settings.model_seed)
            measurement = measure(
                lambda frame, pipeline=pipeline: pipeline.predict_proba(frame)[:, 1],
                {"validation": frames["validation"]},
                self.horizon,
                rounds=10,
                seed=self.settings.model_seed,
            )
            trained = Trained(pipeline, candidate, frozenset(range(1, batch + 1)), measurement.calibrated)
            found.append((measurement.metrics["validation_roc_auc"], trained))
        return max(found, key=lambda pair: pair[0])[1]

    def _evidence(self, challenger: Trained, served: list[Trained], test: pd.DataFrame, batch: int) -> Evidence:
        observed = observations(test, self.horizon)
        ours = challenger.probability(test)
        rounds, seed = self.settings.bootstrap_rounds, self.settings.model_seed
        compared = [
            Comparison(
                str(number),
                roc_auc(observed, old.probability(test)),
                roc_auc_difference(observed, ours, old.probability(test), rounds, seed),
            )
            for number, old in enumerate(served, start=1)
        ]
        against_production = compared[-1] if compared else None
        best = max(compared, key=lambda comparison: comparison.roc_auc, default=None)
        return Evidence(
            Challenger(
                f"challenger of batch {batch}",
                self.horizon,
                self.source,
                challenger.batch_numbers,
                roc_auc_interval(observed, ours, rounds, seed),
                parity=0.0,
                calibrated=challenger.calibrated,
            ),
            self.limits,
            production=self._production(served),
            against_production=against_production,
            against_best=None if best is against_production else best,
        )

    def _production(self, served: list[Trained]) -> Production | None:
        if not served:
            return None
        latest = served[-1]
        return Production(str(len(served)), self.source, latest.batch_numbers, latest.calibrated)


def main() -> None:
    """Print one row for each batch and order, and for each batch the rejections and the AUCs' lower ends."""
    asked = _arguments()
    data, settings = DataApiSettings(), PipelineSettings()
    source = FILE if data.data_path else SYNTHETIC
    limits = gate_limits(settings)[asked.horizon]
    bench = Bench(asked.horizon, source, settings, limits, asked.candidates)
    print(f"source {source}, horizon {asked.horizon}, batches of {data.batch_size}, {limits}, {asked.candidates}")
    print(HEADER)
    for order in range(asked.orders):
        bench.run(order, _raw(data, order), data.batch_size, asked.batches)
    for batch, judged in bench.judged.items():
        rejected = sum(action is Action.REJECT for action, _ in judged)
        low, median, high = np.percentile([low for _, low in judged], [0, 50, 100])
        print(
            f"batch {batch}: {rejected} of {len(judged)} rejected;"
            f" lower ends of the test AUC's interval: {low:.4f} to {high:.4f}, median {median:.4f}"
        )


def _arguments() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--horizon", choices=HORIZON_NAMES, default=HORIZON_NAMES[0])
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATE_NAMES, default=CANDIDATE_NAMES)
    return parser.parse_args()


def _raw(settings: DataApiSettings, order: int) -> pd.DataFrame:
    if settings.data_path:
        frame = read_encounters(settings.data_path).to_pandas()
    else:
        frame = pd.DataFrame(cohort(settings.synthetic_rows, settings.synthetic_seed))
    frame = frame.rename(columns=NAME_OF_RAW)
    return frame if order == 0 else frame.sample(frac=1, random_state=order)


def _batches(raw: pd.DataFrame, batch_size: int, batches: int) -> Iterator[tuple[int, dict[str, pd.DataFrame]]]:
    for batch in range(1, batches + 1):
        encounters = clean(validate_raw(raw.head(batch * batch_size))).frame
        split = encounters["patient_nbr"].map(patient_split)
        yield batch, {name: encounters[split == name].reset_index(drop=True) for name in SPLITS}


def _print(order: int, batch: int, trained: Trained, evidence: Evidence, decision: Decision, rows: int) -> None:
    auc = evidence.challenger.test_roc_auc
    failed = [check["id"] for check in decision.evidence["checks"] if check["outcome"] == "failed"]
    print(
        f"{order:5} {batch:5} {rows:9} {trained.candidate:23} {auc.value:.4f} ({auc.low:.4f}-{auc.high:.4f})"
        f" {'yes' if trained.calibrated else 'no':>4} {_difference(evidence.against_production):>26}"
        f" {_difference(evidence.against_best):>26}  {decision.action.value} {', '.join(failed)}",
        flush=True,
    )


def _difference(comparison: Comparison | None) -> str:
    if comparison is None:
        return "-"
    difference = comparison.difference
    return f"{difference.value:+.4f} ({difference.low:+.4f} {difference.high:+.4f})"


if __name__ == "__main__":
    main()
