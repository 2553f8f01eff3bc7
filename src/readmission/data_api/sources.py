"""Where the rows come from, in this order: a file, the UCI archive, a synthetic cohort."""

import hashlib
from pathlib import Path

import pyarrow as pa

from readmission.data_api.batches import Source
from readmission.data_api.download import uci_file
from readmission.data_api.encounter_file import SCHEMA, check_encounters, read_encounters
from readmission.errors import InvalidSource, SourceUnavailable
from readmission.log import get_logger
from readmission.settings import DataApiSettings
from readmission.synthetic.cohort import cohort_columns
from readmission.synthetic.network import parameters_digest


def find_source(settings: DataApiSettings) -> Source:
    """The first source that these settings and the network give.

    Raises :class:`InvalidSource` when ``DATA_PATH`` is no file of encounters and :class:`ChecksumMismatch` when the
    archive is not the one it should be: neither is ever replaced by synthetic rows.
    """
    log = get_logger(__name__)
    if settings.data_path is not None:
        log.info("rows come from a file", path=str(settings.data_path))
        return _file_source(settings.data_path)
    try:
        path = uci_file(settings.uci_url, settings.uci_sha256, settings.data_cache)
    except SourceUnavailable as error:
        log.warning(
            "NO REAL DATA: the UCI archive cannot be had, the rows are SYNTHETIC and of no clinical meaning",
            reason=str(error),
            rows=settings.synthetic_rows,
            seed=settings.synthetic_seed,
        )
        return synthetic_source(settings.synthetic_rows, settings.synthetic_seed)
    log.info("rows come from the UCI archive", path=str(path))
    return Source("uci", settings.uci_sha256, lambda: read_encounters(path))


def synthetic_source(rows: int, seed: int) -> Source:
    """The synthetic cohort of ``rows`` encounters."""

    def read() -> pa.Table:
        columns = [pa.array(values).cast(SCHEMA.field(name).type) for name, values in cohort_columns(rows, seed)]
        return check_encounters(pa.Table.from_arrays(columns, schema=SCHEMA), "the synthetic cohort")

    return Source("synthetic", f"{rows} {seed} {parameters_digest()}", read)


def _file_source(path: Path) -> Source:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidSource(f"DATA_PATH {path} cannot be read: {error.strerror}") from error
    return Source("file", digest, lambda: read_encounters(path))
