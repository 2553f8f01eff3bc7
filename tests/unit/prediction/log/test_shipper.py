"""The shipper: what is in segments lands once, whatever the database does meanwhile."""

import stat
import time
from types import SimpleNamespace

import pytest

import readmission.prediction.log.shipper as shipper_module
from readmission.errors import DatabaseUnavailable, InvalidInput
from readmission.prediction.log.record import to_line
from readmission.prediction.log.segment import OpenSegment, segments
from readmission.prediction.log.shipper import BATCH_ROWS, REJECTED, Shipper
from readmission.prediction.log.spool import Bounds, Spool

SLOW = Bounds(segment_seconds=3600)


class FailingTable:
    """A real table before which the first calls fail with these errors; None lets one pass."""

    def __init__(self, table, *errors):
        self._table = table
        self._errors = list(errors)

    def log_predictions(self, records):
        if error := self._errors.pop(0) if self._errors else None:
            raise error
        self._table.log_predictions(records)


def leave(folder, *lines):
    """A segment of a process that is gone."""
    segment = OpenSegment.create(folder)
    segment.append(b"".join(lines))
    segment.close()


def ids(records):
    return [record.prediction_id for record in records]


def test_a_segment_lands_in_its_order_and_is_removed(folder, prediction, table, stored):
    records = [prediction() for _ in range(2 * BATCH_ROWS + 1)]
    leave(folder, *map(to_line, records))
    shipper = Shipper(folder, table)

    shipper.ship()

    assert stored() == ids(records)
    assert segments(folder) == []
    assert shipper.stats().shipped == len(records)


def test_a_segment_that_is_written_is_left_alone(folder, prediction, table, stored):
    with Spool(folder, SLOW) as spool:
        spool.append(prediction())

        Shipper(folder, table).ship()

        assert len(segments(folder)) == 1
        assert stored() == []


def test_an_empty_segment_is_removed(folder, table):
    leave(folder)

    Shipper(folder, table).ship()

    assert segments(folder) == []


def test_a_torn_tail_is_skipped_and_counted(folder, prediction, table, stored):
    whole, torn = prediction(), prediction()
    leave(folder, to_line(whole), to_line(torn)[:-20])
    shipper = Shipper(folder, table)

    shipper.ship()

    assert stored() == [whole.prediction_id]
    assert (shipper.stats().shipped, shipper.stats().torn) == (1, 1)
    assert segments(folder) == []


def test_a_database_that_is_away_keeps_everything(folder, prediction, table, stored):
    record = prediction()
    leave(folder, to_line(record))
    shipper = Shipper(folder, FailingTable(table, DatabaseUnavailable("away")))

    with pytest.raises(DatabaseUnavailable):
        shipper.ship()
    shipper.ship()

    assert stored() == [record.prediction_id]
    assert shipper.stats().shipped == 1


def test_a_pass_goes_on_where_the_one_before_it_failed(folder, prediction, table, stored):
    records = [prediction() for _ in range(2 * BATCH_ROWS)]
    leave(folder, *map(to_line, records))
    shipper = Shipper(folder, FailingTable(table, None, DatabaseUnavailable("away")))

    with pytest.raises(DatabaseUnavailable):
        shipper.ship()
    shipper.ship()

    assert stored() == ids(records)
    assert shipper.stats().shipped == len(records)


def test_a_segment_that_lands_twice_adds_no_rows(folder, prediction, table, stored):
    record = prediction()
    leave(folder, to_line(record))
    leave(folder, to_line(record))

    Shipper(folder, table).ship()

    assert stored() == [record.prediction_id]


@pytest.mark.parametrize("changes", [{"probability": float("nan")}, {"prediction": None}, {"prediction": "Secret"}])
def test_a_record_that_is_refused_is_set_aside(folder, prediction, table, stored, changes, capsys):
    good, bad, last = prediction(), prediction(**changes), prediction()
    leave(folder, *map(to_line, (good, bad, last)))
    shipper = Shipper(folder, table)

    shipper.ship()

    assert stored() == ids([good, last])
    assert (shipper.stats().shipped, shipper.stats().rejected) == (2, 1)
    assert (folder / REJECTED).read_bytes() == to_line(bad)
    assert stat.S_IMODE((folder / REJECTED).stat().st_mode) == 0o600
    assert segments(folder) == []
    assert "Secret" not in "".join(capsys.readouterr())


def test_the_file_of_refused_records_can_be_shipped_again(folder, prediction, table, stored):
    record = prediction()
    leave(folder, to_line(record))
    Shipper(folder, FailingTable(table, InvalidInput("a column is missing"))).ship()
    assert stored() == []

    (folder / REJECTED).rename(folder / "1-1.segment")
    Shipper(folder, table).ship()

    assert stored() == [record.prediction_id]


def test_a_segment_that_fails_unexpectedly_keeps_no_other_waiting(folder, prediction, table, stored):
    first, second = prediction(), prediction()
    leave(folder, to_line(first))
    leave(folder, to_line(second))
    shipper = Shipper(folder, FailingTable(table, RuntimeError("a bug")))

    with pytest.raises(RuntimeError):
        shipper.ship()

    assert stored() == [second.prediction_id]
    assert len(segments(folder)) == 1


def test_the_thread_tries_until_the_database_is_back(folder, prediction, table, stored):
    record = prediction()
    leave(folder, to_line(record))
    errors = [DatabaseUnavailable("away"), RuntimeError("a bug")]

    with Shipper(folder, FailingTable(table, *errors)) as shipper:
        deadline = time.monotonic() + 20
        while segments(folder) and time.monotonic() < deadline:
            time.sleep(0.02)

        assert shipper.stats().failures == 2
        assert stored() == [record.prediction_id]


def test_the_thread_outlives_a_dead_pipe_for_its_own_log(folder, prediction, table, stored, monkeypatch):
    def broken(*_, **__):
        raise BrokenPipeError

    record = prediction()
    leave(folder, to_line(record), to_line(prediction(model_name=None)))
    monkeypatch.setattr(shipper_module, "log", SimpleNamespace(warning=broken, info=broken, error=broken))

    with Shipper(folder, FailingTable(table, DatabaseUnavailable("away"))) as shipper:
        deadline = time.monotonic() + 20
        while segments(folder) and time.monotonic() < deadline:
            time.sleep(0.02)

    assert stored() == [record.prediction_id]
    assert shipper.stats().rejected == 1


def test_what_is_closed_when_the_shipper_ends_still_lands(folder, prediction, table, stored):
    records = [prediction() for _ in range(10)]

    with Shipper(folder, table), Spool(folder, SLOW) as spool:
        spool.append_many(records)

    assert stored() == ids(records)


def test_a_shipper_ends_in_its_time_while_the_database_hangs(folder, prediction):
    class HangingTable:
        def log_predictions(self, _records):
            time.sleep(3)
            raise DatabaseUnavailable("no answer")

    leave(folder, to_line(prediction()))
    began = time.monotonic()

    with Shipper(folder, HangingTable(), drain_seconds=0.1):
        time.sleep(0.1)

    assert time.monotonic() - began < 2
    assert len(segments(folder)) == 1
