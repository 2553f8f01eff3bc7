"""Task 7: upload the three splits as Parquet files under the digest of their content."""

import hashlib

import pandas as pd

from readmission.adapters.database import CleanDatabase, RawDatabase
from readmission.adapters.object_store import DATASETS, ObjectStore, parquet
from readmission.domain.cohort import SPLITS
from readmission.log import get_logger
from readmission.pipeline.references import DatasetRef

log = get_logger(__name__)


def upload_processed_data_minio(
    batch_numbers: list[int], *, raw: RawDatabase, clean: CleanDatabase, store: ObjectStore
) -> DatasetRef:
    """Upload ``<digest>/{train,validation,test}.parquet`` of all clean encounters up to the newest of these batches.

    The same rows give the same digest, so an older run that is cleared gets its former data set.
    """
    newest = max(batch_numbers)
    frames = {split: _up_to(newest, clean.read_split(split)) for split in SPLITS}
    files = {split: parquet(frame) for split, frame in frames.items()}
    digest = hashlib.sha256(b"".join(hashlib.sha256(files[split]).digest() for split in SPLITS)).hexdigest()
    for split, data in files.items():
        store.put(DATASETS, f"{digest}/{split}.parquet", data)
    rows = {str(split): len(frame) for split, frame in frames.items()}
    log.info("dataset uploaded", digest=digest, rows=rows)
    included = [number for number in clean.batch_numbers() if number <= newest]
    return DatasetRef(
        digest=digest, batch_numbers=included, run_batch_numbers=batch_numbers, source=_source(raw), rows=rows
    )


def _up_to(batch_number: int, frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["batch_number"] <= batch_number].reset_index(drop=True)


def _source(raw: RawDatabase) -> str:
    # the raw ledger refuses a second source, so all batches have the source of the first
    return raw.batches()[0].source
