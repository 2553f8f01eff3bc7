"""Does the cost of a batch grow with the rows already there? ``python bench/database.py [--sqlite] [--batches 100]``.

Stores batch after batch of synthetic encounters in a private MariaDB (or an SQLite file). Each line gives the seconds
of each step, the median of the batches since the line before. Encounter numbers come in random order, the worst case
for the unique index; each patient comes back.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mysql.connector
import pandas as pd

from readmission.adapters.database import CleanDatabase, RawDatabase, StoredBatch
from readmission.domain.cleaning import clean, validate_raw
from readmission.domain.cohort import patient_split
from readmission.domain.schema import NAME_OF_RAW
from readmission.local.mariadb import MariaDb
from readmission.local.ports import is_free
from readmission.synthetic.cohort import cohort

ROWS = 15_000
STEPS = ("store raw", "store clean", "assign_splits", "read_batch")
USER, PASSWORD = "bench", "only-for-this-run"
# odd, so that multiplying by it shuffles the numbers below 2**40
SHUFFLE = 0x9E3779B97F4A7C15 | 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--sqlite", action="store_true", help="an SQLite file instead of a private MariaDB")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        servers = _sqlite(Path(directory)) if arguments.sqlite else _mariadb(Path(directory))
        with servers as url_of:
            run(url_of, arguments.batches)


def run(url_of: Callable[[str], str], batches: int) -> None:
    base = validate_raw(pd.DataFrame(cohort(ROWS, seed=0)).rename(columns=NAME_OF_RAW))
    shown = {number for number in (1, 2, 5, 10, 20, 50, 100, 200, 500) if number < batches} | {batches}
    print(f"{'batch':>6} {'rows there':>11}", *(f"{step:>14}" for step in STEPS))
    since: list[list[float]] = []
    with RawDatabase(url_of("raw_data_db")) as raw, CleanDatabase(url_of("clean_data_db")) as cleaned:
        raw.migrate()
        cleaned.migrate()
        for number in range(1, batches + 1):
            since.append(one_batch(raw, cleaned, number, renumbered(base, number)))
            if number in shown:
                medians = [statistics.median(step) for step in zip(*since, strict=True)]
                print(f"{number:>6} {(number - 1) * ROWS:>11,}", *(f"{value:>14.3f}" for value in medians), flush=True)
                since.clear()
        took, frame = timed(lambda: cleaned.read_split("train"))
        print(f"read_split('train'): {len(frame):,} rows in {took:.1f} s")


def one_batch(raw: RawDatabase, cleaned: CleanDatabase, number: int, frame: pd.DataFrame) -> list[float]:
    batch = StoredBatch(number, f"{number:064x}", len(frame), "synthetic", f"batches/{number}")
    kept = clean(frame).frame
    steps: list[Callable[[], Any]] = [
        lambda: raw.store_batch(batch, frame),
        lambda: cleaned.store_batch(number, kept),
        lambda: cleaned.assign_splits(number, patient_split),
        lambda: raw.read_batch(number),
    ]
    return [timed(step)[0] for step in steps]


def renumbered(base: pd.DataFrame, number: int) -> pd.DataFrame:
    frame = base.copy()
    encounters = range(number * ROWS, (number + 1) * ROWS)
    frame["encounter_id"] = pd.array([encounter * SHUFFLE % 2**40 for encounter in encounters], dtype="Int64")
    # two batches in a row share their patients
    frame["patient_nbr"] += number // 2 * 10**10
    return frame


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


@contextmanager
def _sqlite(directory: Path) -> Iterator[Callable[[str], str]]:
    yield lambda name: f"sqlite:///{directory}/{name}.sqlite"


@contextmanager
def _mariadb(directory: Path) -> Iterator[Callable[[str], str]]:
    port = next(port for port in range(23_400, 23_500) if is_free(port))
    server = MariaDb(directory / "data", directory / "sql.sock", port)
    server.initialise()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(server.start().command, stdout=log, stderr=log)
    try:
        _wait(server)
        yield lambda name: server.url(name, USER, PASSWORD)
    finally:
        process.terminate()
        process.wait(60)


def _wait(server: MariaDb, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            server.create_databases(["raw_data_db", "clean_data_db"], USER, PASSWORD)
        except mysql.connector.Error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    main()
