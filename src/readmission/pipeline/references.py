"""The references that tasks exchange: small JSON documents, never rows of data."""

from collections.abc import Iterable
from typing import TypedDict, TypeVar

from readmission.domain.horizon import HorizonName
from readmission.errors import InvalidModel


class BatchRef(TypedDict):
    """A batch in the landing bucket, as received."""

    batch_number: int
    sha256: str
    rows: int
    key: str
    source: str


class CleanRef(TypedDict):
    """A cleaned batch in the datasets bucket; ``dropped`` counts the removed rows by reason."""

    batch_number: int
    key: str
    rows: int
    dropped: dict[str, int]


class DatasetRef(TypedDict):
    """A frozen data set: ``datasets/<digest>/{train,validation,test}.parquet``.

    ``digest`` is a sha256 of the three files; ``rows`` counts by split; ``source`` is uci, file or synthetic.
    ``batch_numbers`` are those with a row in it; ``run_batch_numbers`` those that the run took, also without one.
    """

    digest: str
    batch_numbers: list[int]
    run_batch_numbers: list[int]
    source: str
    rows: dict[str, int]


class TrainedRef(TypedDict):
    """A candidate, trained for one horizon on ``dataset``, and its MLflow run."""

    candidate: str
    horizon: HorizonName
    dataset: DatasetRef
    run_id: str
    validation_roc_auc: float


class RegisteredRef(TypedDict):
    """A version of a horizon's registered model; ``onnx_digest`` is the sha256 of its ``model.onnx``."""

    horizon: HorizonName
    dataset: DatasetRef
    version: str
    run_id: str
    candidate: str
    onnx_digest: str


class PromotionRef(TypedDict):
    """The gate's decision on ``version``, and the version in production afterwards (None: there is none).

    ``run_batch_numbers`` are those of its data set.
    """

    horizon: HorizonName
    run_batch_numbers: list[int]
    promoted: bool
    reason: str
    version: str
    production_version: str | None


Reference = TypeVar("Reference", DatasetRef, TrainedRef, RegisteredRef, PromotionRef)


def complete(kind: type[Reference], references: Iterable[Reference]) -> list[Reference]:
    """The references as a list.

    Raises :class:`InvalidModel` when one lacks a field of ``kind``: the run was begun by an earlier release, and only
    some of its tasks were run again after the upgrade.
    """
    found = list(references)
    for reference in found:
        missing = sorted(set(kind.__annotations__) - set(reference))
        if missing:
            raise InvalidModel(
                f"a task of an earlier release made a reference without {', '.join(missing)}: clear the whole run"
            )
    return found
