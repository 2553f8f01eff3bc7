"""Measure what the gate needs: the challenger, production and the best version that served, on the same test rows."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Self

import numpy as np
import pandas as pd

from readmission.adapters.database import InferenceDatabase
from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import PROMOTION, ROLLED_BACK, ModelRegistry, ModelVersion
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.bootstrap import Interval, Observations, roc_auc, roc_auc_difference, roc_auc_interval
from readmission.domain.data_source import SYNTHETIC
from readmission.domain.gate.evidence import Challenger, Comparison, Evidence, Limits, Production
from readmission.domain.horizon import HorizonName
from readmission.domain.model_file import ModelFileMetadata
from readmission.errors import InvalidModel, NotFound, UntrustedModel
from readmission.log import get_logger
from readmission.modeling.evaluation import observations
from readmission.modeling.features import ClinicalEncoder
from readmission.pipeline.signing import APPROVALS

log = get_logger(__name__)


@dataclass(frozen=True)
class HeldOut:
    """The test rows, encoded, with their outcomes. ``rounds``: samples for each interval, drawn from ``seed``."""

    horizon: HorizonName
    matrix: np.ndarray
    observed: Observations
    rounds: int
    seed: int

    @classmethod
    def of(cls, frame: pd.DataFrame, horizon: HorizonName, rounds: int, seed: int) -> Self:
        """Encode clean encounters; raises :class:`NotEnoughData` when they cannot measure a model."""
        return cls(horizon, ClinicalEncoder().transform(frame), observations(frame, horizon), rounds, seed)

    def interval(self, probability: np.ndarray) -> Interval:
        """The ROC AUC of ``(n,)`` probabilities."""
        return roc_auc_interval(self.observed, probability, self.rounds, self.seed)

    def compare(self, version: str, ours: np.ndarray, theirs: np.ndarray) -> Comparison:
        """The challenger's probabilities against those of ``version``."""
        difference = roc_auc_difference(self.observed, ours, theirs, self.rounds, self.seed)
        return Comparison(version, roc_auc(self.observed, theirs), difference)


@dataclass(frozen=True)
class Scored:
    """A version that this release can use: what its file says of it, and its ``(n,)`` probabilities of the test rows.

    The model itself is not kept: a session for each version that ever served would fill the memory.
    """

    version: ModelVersion
    metadata: ModelFileMetadata
    probability: np.ndarray

    @property
    def is_synthetic(self) -> bool:
        """Whether it was trained on synthetic encounters."""
        return self.metadata.data_source == SYNTHETIC

    def predicts(self, horizon: HorizonName) -> bool:
        """Whether its horizon is this one."""
        return self.metadata.target == horizon


def gather(
    version: ModelVersion,
    production: ModelVersion | None,
    rows: HeldOut,
    limits: Limits,
    registry: ModelRegistry,
    inference: InferenceDatabase,
    trusted: TrustedKeys,
) -> Evidence:
    """A version that ``trusted`` refuses never served: it is no standard, not even with the alias ``production``.

    Raises :class:`InvalidModel` when the challenger's file is broken or predicts another horizon.
    """
    ours = _score(version, rows, registry)
    if not ours.predicts(rows.horizon):
        raise InvalidModel(f"version {version.version} predicts {ours.metadata.target}, not {rows.horizon}")
    # a version that a person took out of production sets no standard
    withdrawn = set(_in_ledger(["rollback"], registry, inference))
    challenger = _challenger(ours, rows, rolled_back=version.version in withdrawn)
    incumbent, theirs = _incumbent(production, rows, registry, trusted)
    if production is not None and production.version == version.version and theirs:
        return Evidence(challenger, limits, incumbent)
    known = {version.version, *withdrawn} | ({production.version} if production else set())
    served = _served(known, rows, registry, inference, trusted)
    return Evidence(
        challenger,
        limits,
        production=incumbent,
        against_production=_against(ours, theirs, rows),
        against_best=_against_best(ours, theirs, served, rows),
    )


def _score(version: ModelVersion, rows: HeldOut, registry: ModelRegistry) -> Scored:
    model = OnnxModel.from_bytes(registry.download_onnx(version))
    probability = model.predict_probability(rows.matrix)
    if not np.isfinite(probability).all():
        raise InvalidModel("the model gives probabilities that are no finite numbers")
    return Scored(version, model.metadata, probability)


def _challenger(ours: Scored, rows: HeldOut, *, rolled_back: bool) -> Challenger:
    tags, metadata = ours.version.tags, ours.metadata
    return Challenger(
        version=ours.version.version,
        horizon=rows.horizon,
        data_source=metadata.data_source,
        batch_numbers=_batch_numbers(ours.version),
        test_roc_auc=rows.interval(ours.probability),
        parity=float(tags["parity"]) if "parity" in tags else None,
        calibrated=metadata.calibrated,
        rolled_back=rolled_back or tags.get(PROMOTION) == ROLLED_BACK,
    )


def _incumbent(
    production: ModelVersion | None, rows: HeldOut, registry: ModelRegistry, trusted: TrustedKeys
) -> tuple[Production | None, Scored | None]:
    if production is None:
        return None, None
    try:
        trusted.check(production)
        theirs = _score(production, rows, registry)
    except UntrustedModel:
        return _unusable(production, "it is not signed as promoted"), None
    except InvalidModel as error:
        return _unusable(production, str(error)), None
    if not theirs.predicts(rows.horizon):
        return _of_another_horizon(theirs), None
    return _usable(theirs), theirs


def _usable(theirs: Scored) -> Production:
    metadata, version = theirs.metadata, theirs.version
    return Production(version.version, metadata.data_source, _batch_numbers(version), metadata.calibrated)


def _of_another_horizon(theirs: Scored) -> Production:
    # how it is calibrated says nothing about this horizon
    return replace(_usable(theirs), calibrated=None, unusable=f"it predicts {theirs.metadata.target}")


def _unusable(version: ModelVersion, why: str) -> Production:
    # the file cannot say what it was, so the registry's tags do
    tags = version.tags
    return Production(
        version.version,
        tags.get("data_source", ""),
        _batch_numbers(version),
        calibrated=tags.get("calibrated") == "true",
        unusable=why,
    )


def _served(
    known: set[str], rows: HeldOut, registry: ModelRegistry, inference: InferenceDatabase, trusted: TrustedKeys
) -> Iterator[Scored]:
    """The versions that the gate promoted or a person signed, without the ``known`` ones, and that can still serve."""
    for number in _in_ledger(APPROVALS, registry, inference):
        if number in known:
            continue
        try:
            version = registry.version(number)
            trusted.check(version)
            yield _score(version, rows, registry)
        except (InvalidModel, NotFound) as error:
            log.info("a version that served cannot be compared", version=number, reason=str(error))


def _in_ledger(actions: Sequence[str], registry: ModelRegistry, inference: InferenceDatabase) -> list[str]:
    """The versions with one of these actions, the oldest first, each once."""
    return list(dict.fromkeys(row.version for row in inference.promotions(registry.model_name, actions)))


def _against(ours: Scored, theirs: Scored | None, rows: HeldOut) -> Comparison | None:
    if theirs is None:
        return None
    return rows.compare(theirs.version.version, ours.probability, theirs.probability)


def _against_best(ours: Scored, theirs: Scored | None, served: Iterable[Scored], rows: HeldOut) -> Comparison | None:
    """The comparison with the best version that served; None when production is the best, or none served."""
    others = chain(served, [theirs] if theirs else [])
    # an iterator, so that only the best one so far is in memory
    comparable = (other for other in others if other.predicts(rows.horizon) and other.is_synthetic == ours.is_synthetic)
    best = max(comparable, key=lambda other: roc_auc(rows.observed, other.probability), default=None)
    if best is None or best is theirs:
        return None
    return rows.compare(best.version.version, ours.probability, best.probability)


def _batch_numbers(version: ModelVersion) -> frozenset[int]:
    return frozenset(json.loads(version.tags.get("batch_numbers", "[]")))
