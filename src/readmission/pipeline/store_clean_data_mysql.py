"""Task 5: store the clean batches in ``clean_data_db``."""

from readmission.adapters.database import CleanDatabase
from readmission.adapters.object_store import DATASETS, ObjectStore
from readmission.log import get_logger
from readmission.pipeline.references import CleanRef

log = get_logger(__name__)


def store_clean_data_mysql(cleaned: list[CleanRef], *, store: ObjectStore, clean: CleanDatabase) -> list[int]:
    """Store each clean batch; returns the batch numbers. Storing a batch again replaces its rows.

    Raises ``InvalidBatch`` when a batch does not fit the table.
    """
    for ref in cleaned:
        clean.store_batch(ref["batch_number"], store.get_frame(DATASETS, ref["key"]))
        log.info("clean batch stored", batch=ref["batch_number"], rows=ref["rows"])
    return [ref["batch_number"] for ref in cleaned]
