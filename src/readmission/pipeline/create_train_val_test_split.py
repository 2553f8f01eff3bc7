"""Task 6: assign each encounter of the new batches to the split of its patient."""

from readmission.adapters.database import CleanDatabase
from readmission.domain.cohort import patient_split
from readmission.log import get_logger

log = get_logger(__name__)


def create_train_val_test_split(batch_numbers: list[int], *, clean: CleanDatabase) -> list[int]:
    """Assign the splits by a stable hash of ``patient_nbr``; returns the batch numbers.

    Raises ``InvalidBatch`` when a patient is in another split already.
    """
    for number in batch_numbers:
        log.info("split assigned", batch=number, rows=clean.assign_splits(number, patient_split))
    return batch_numbers
