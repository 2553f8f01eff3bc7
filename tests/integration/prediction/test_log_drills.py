"""Drills of the prediction log: a counted stream goes through each failure; every id answered is in the table once."""

import errno
import signal
import subprocess
import time
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from log_process import prediction, ship, start, write
from private_mysql import private_mariadb, without_predictions
from sqlalchemy import text

from direct_connection import connect
from readmission.adapters.database import InferenceDatabase
from readmission.errors import DatabaseUnavailable
from readmission.prediction.log.record import to_line
from readmission.prediction.log.segment import OpenSegment, segments
from readmission.prediction.log.shipper import REJECTED, Shipper
from readmission.prediction.log.spool import Spool

PATIENCE_SECONDS = 60
LOAD_SECONDS = 1.5
OUTAGE_SECONDS = 4.0


@pytest.fixture(scope="module")
def server(tmp_path_factory, free_ports):
    with private_mariadb(tmp_path_factory.mktemp("mariadb"), free_ports(1)) as started:
        yield started


@pytest.fixture
def table(server):
    with without_predictions(server) as database:
        yield database


class Drill:
    """The processes around one folder, and what they have answered."""

    def __init__(self, folder: Path, output: Path, table: InferenceDatabase, url: str) -> None:
        self.folder = folder
        self.outputs: list[Path] = []
        self.processes: list[BaseProcess] = []
        self._directory = output
        self._table = table
        self._url = url

    def write(self, *arguments):
        return self._start(write, *arguments)

    def ship(self):
        return self._start(ship, self._url)

    def _start(self, work, *arguments):
        output = self._directory / f"{len(self.outputs)}.txt"
        output.touch()
        process = start(output, work, self.folder, *arguments)
        self.outputs.append(output)
        self.processes.append(process)
        return process

    def run(self, seconds=LOAD_SECONDS):
        """Let all processes work for a while, which begins when each has begun."""
        wait_until(lambda: all(output.stat().st_size > 0 for output in self.outputs))
        time.sleep(seconds)

    def lines(self):
        return [line for output in self.outputs for line in output.read_text().splitlines()]

    def answered(self, mark="+"):
        return {line[1:] for line in self.lines() if line.startswith(mark)}

    def slowest_append(self):
        return max(float(line.split()[1]) for line in self.lines() if line.startswith("slowest"))

    def stored(self):
        return stored_ids(self._table)

    def end(self, *processes):
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(PATIENCE_SECONDS)
            assert process.exitcode == 0

    def wait_landed(self):
        wait_until(lambda: segments(self.folder) == [])


def stored_ids(database):
    with connect(database) as connection:
        return list(connection.scalars(text("SELECT prediction_id FROM predictions")))


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def drill(tmp_path, table, server):
    made = Drill(tmp_path / "log", tmp_path, table, server.url())
    yield made
    for process in made.processes:
        process.kill()
        process.join()


def assert_nothing_lost_or_doubled(drill, killed_writers=0):
    answered, stored = drill.answered(), drill.stored()
    assert len(answered) > 100
    assert len(stored) == len(set(stored))
    assert answered - set(stored) == set()
    # a writer may be killed after a record is in its segment and before the answer is out
    assert len(set(stored) - answered) <= killed_writers


def test_sigterm_under_load(drill):
    writers, shipper = [drill.write(), drill.write()], drill.ship()
    drill.run()

    drill.end(*writers)
    drill.end(shipper)

    assert segments(drill.folder) == []
    assert_nothing_lost_or_doubled(drill)


def test_kill_9_of_a_writer(drill):
    killed, other, _shipper = drill.write(), drill.write(), drill.ship()
    drill.run()

    killed.kill()
    drill.run()
    drill.end(other)

    drill.wait_landed()
    assert_nothing_lost_or_doubled(drill, killed_writers=1)


def test_kill_9_of_everything_and_a_new_start(drill):
    all_of_them = [drill.write(), drill.write(), drill.ship()]
    drill.run()
    for process in all_of_them:
        process.kill()
    time.sleep(0.2)
    assert segments(drill.folder) != []

    drill.ship()

    drill.wait_landed()
    assert_nothing_lost_or_doubled(drill, killed_writers=2)


def test_kill_9_of_shippers_again_and_again(drill):
    writer, shippers = drill.write(), [drill.ship() for _ in range(4)]
    for shipper in shippers:
        drill.run(0.3)
        shipper.kill()
    drill.end(writer)

    drill.ship()

    drill.wait_landed()
    assert_nothing_lost_or_doubled(drill)


def test_kill_9_of_the_database(drill, server):
    writer, _shipper = drill.write(), drill.ship()
    drill.run()

    server.kill()
    before = len(drill.answered())
    drill.run(OUTAGE_SECONDS)
    during = len(drill.answered()) - before
    server.start()
    drill.end(writer)

    drill.wait_landed()
    assert during > 100
    assert_nothing_lost_or_doubled(drill)


def test_a_database_that_hangs(drill, server):
    writer, _shipper = drill.write(), drill.ship()
    drill.run()

    server.process.send_signal(signal.SIGSTOP)
    before = len(drill.answered())
    drill.run(OUTAGE_SECONDS)
    during = len(drill.answered()) - before
    server.process.send_signal(signal.SIGCONT)
    drill.end(writer)

    drill.wait_landed()
    assert during > 100
    assert drill.slowest_append() < 0.5
    assert_nothing_lost_or_doubled(drill)


def test_sigterm_while_the_database_hangs_leaves_the_rest_for_the_next_start(drill, server):
    writer, shipper = drill.write(), drill.ship()
    drill.run()
    server.process.send_signal(signal.SIGSTOP)
    drill.run()

    drill.end(writer)
    began = time.monotonic()
    drill.end(shipper)
    took = time.monotonic() - began
    server.process.send_signal(signal.SIGCONT)
    assert segments(drill.folder) != []
    drill.ship()

    drill.wait_landed()
    assert took < 15
    assert_nothing_lost_or_doubled(drill)


def test_several_shippers_share_the_work(drill):
    writers = [drill.write(), drill.write()]
    for _ in range(3):
        drill.ship()
    drill.run()
    drill.end(*writers)

    drill.wait_landed()

    assert_nothing_lost_or_doubled(drill)


def refuse_then_take(drill, writer):
    """Wait until the log is full; then ship, until it takes records again and all that it took have landed."""
    wait_until(lambda: len(drill.answered("-")) > 20)
    drill.ship()
    taken = len(drill.answered())
    wait_until(lambda: len(drill.answered()) > taken + 100)
    drill.end(writer)
    drill.wait_landed()


def test_a_full_log_refuses_counts_and_takes_again(drill):
    refuse_then_take(drill, drill.write(50_000))

    assert_nothing_lost_or_doubled(drill)
    assert drill.answered("-") & set(drill.stored()) == set()


@contextmanager
def small_disk(folder, size):
    """A file system of its own at this path, which can be filled."""
    folder.mkdir(mode=0o700)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mount.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_fails_no_answer(drill):
    with small_disk(drill.folder, "256k"):
        refuse_then_take(drill, drill.write())
    assert_nothing_lost_or_doubled(drill)
    assert drill.answered("-") & set(drill.stored()) == set()


def test_a_full_disk_of_the_database_keeps_everything(tmp_path, free_ports):
    disk, folder = tmp_path / "disk", tmp_path / "log"
    records = [prediction() for _ in range(20_000)]
    with Spool(folder) as spool:
        spool.append_many(records)
    with (
        small_disk(disk, "300m"),
        private_mariadb(disk, free_ports(1)) as server,
        InferenceDatabase(server.url(), answer_seconds=5) as database,
    ):
        database.migrate()
        fill(disk / "ballast")

        with pytest.raises(DatabaseUnavailable):
            Shipper(folder, database).ship()
        (disk / "ballast").unlink()
        wait_until(lambda: ships(folder, database))

        assert set(stored_ids(database)) == {record.prediction_id for record in records}
    assert not (folder / REJECTED).exists()


def fill(ballast):
    try:
        ballast.write_bytes(bytes(400_000_000))
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017 - a full disk is what is wanted


def ships(folder, table):
    try:
        Shipper(folder, table).ship()
    except DatabaseUnavailable:
        return False
    return segments(folder) == []


def test_a_torn_tail_is_skipped_and_counted(drill, table):
    with Spool(drill.folder) as spool:
        spool.append(prediction(prediction_id="whole"))
    with segments(drill.folder)[0].open("ab") as file:
        file.write(to_line(prediction(prediction_id="torn"))[:-10])
    shipper = Shipper(drill.folder, table)

    shipper.ship()

    assert drill.stored() == ["whole"]
    assert shipper.stats().torn == 1


@pytest.mark.parametrize("changes", [{"prediction_id": "x" * 70}, {"prediction": 100_000}, {"model_name": "m" * 200}])
def test_a_record_that_the_database_refuses_is_set_aside(drill, table, changes):
    segment = OpenSegment.create(drill.folder)
    bad = to_line(prediction(**changes))
    segment.append(to_line(prediction(prediction_id="before")) + bad + to_line(prediction(prediction_id="after")))
    segment.close()

    shipper = Shipper(drill.folder, table)
    shipper.ship()

    assert sorted(drill.stored()) == ["after", "before"]
    assert shipper.stats().rejected == 1
    assert (drill.folder / REJECTED).read_bytes() == bad
    assert segments(drill.folder) == []
