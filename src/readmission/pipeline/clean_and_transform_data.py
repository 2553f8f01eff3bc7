"""Task 4: clean the stored raw batches and write them to the datasets bucket under ``clean/``."""

from readmission.adapters.database import RawDatabase
from readmission.adapters.object_store import DATASETS, ObjectStore
from readmission.domain.cleaning import clean
from readmission.log import get_logger
from readmission.pipeline.references import CleanRef

log = get_logger(__name__)


def clean_and_transform_data(batch_numbers: list[int], *, raw: RawDatabase, store: ObjectStore) -> list[CleanRef]:
    """Clean each batch of the raw table with the rules of ``domain.cleaning``; returns a reference to each.

    Raises ``NotFound`` when a batch is not stored.
    """
    return [_clean_batch(number, raw, store) for number in batch_numbers]


def _clean_batch(batch_number: int, raw: RawDatabase, store: ObjectStore) -> CleanRef:
    cleaned = clean(raw.read_batch(batch_number))
    key = f"clean/batch-{batch_number:05d}.parquet"
    store.put_frame(DATASETS, key, cleaned.frame)
    log.info("batch cleaned", batch=batch_number, kept=len(cleaned.frame), dropped=cleaned.dropped)
    return CleanRef(batch_number=batch_number, key=key, rows=len(cleaned.frame), dropped=cleaned.dropped)
