"""Task 3: validate the batches of the landing bucket and store them in ``raw_data_db``."""

import hashlib
import io

import pandas as pd

from readmission.adapters.database import RawDatabase, StoredBatch
from readmission.adapters.object_store import LANDING, ObjectStore
from readmission.domain.cleaning import validate_raw
from readmission.domain.schema import NAME_OF_RAW
from readmission.errors import InvalidBatch
from readmission.log import get_logger
from readmission.pipeline.references import BatchRef

log = get_logger(__name__)


def store_raw_data_mysql(batches: list[BatchRef], *, store: ObjectStore, raw: RawDatabase) -> list[int]:
    """Store each batch and its ledger row; returns the batch numbers. Storing a batch again adds nothing.

    Raises :class:`InvalidBatch` when the object is not the published one or violates the raw contract.
    """
    for ref in batches:
        frame = _landed_frame(ref, store)
        added = raw.store_batch(
            StoredBatch(
                batch_number=ref["batch_number"],
                sha256=ref["sha256"],
                rows=ref["rows"],
                source=ref["source"],
                key=ref["key"],
                pipeline_run_id=None,
            ),
            frame,
        )
        log.info("batch stored", batch=ref["batch_number"], rows=len(frame), added=added)
    return [ref["batch_number"] for ref in batches]


def _landed_frame(ref: BatchRef, store: ObjectStore) -> pd.DataFrame:
    data = store.get(LANDING, ref["key"])
    if hashlib.sha256(data).hexdigest() != ref["sha256"]:
        raise InvalidBatch(f"batch {ref['batch_number']} in the landing bucket is not the one that was published")
    frame_ = pd.read_parquet(io.BytesIO(data)).rename(columns=NAME_OF_RAW)
    frame = validate_raw(frame_)
    if len(frame) != ref["rows"]:
        raise InvalidBatch(f"batch {ref['batch_number']} has {len(frame)} rows, its manifest says {ref['rows']}")
    return frame
