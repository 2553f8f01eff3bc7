"""The spool: every record is in a segment or counted as lost, within the bounds."""

import time
from contextlib import contextmanager

import pytest

from readmission.prediction.log.record import parse_record, payload_of, to_line
from readmission.prediction.log.segment import claimed, segments
from readmission.prediction.log.spool import Bounds, Spool, SpoolStats

SLOW = Bounds(segment_seconds=3600)


def records_in(folder):
    lines = [line for segment in segments(folder) for line in segment.read_bytes().splitlines(keepends=True)]
    return [parse_record(payload_of(line)) for line in lines]


def closed(folder):
    found = []
    for segment in segments(folder):
        with claimed(segment) as file:
            found += [segment] if file else []
    return found


@contextmanager
def within_a_moment():
    """Repeat a check of the block's caller until it holds, at most five seconds."""
    deadline = time.monotonic() + 5

    def again(holds):
        while not holds() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert holds()

    yield again


def test_a_record_is_in_the_file_when_append_returns(folder, prediction):
    record = prediction()

    with Spool(folder, SLOW) as spool:
        assert spool.append(record)

        assert records_in(folder) == [record]


def test_a_record_may_come_as_json(folder, prediction):
    record = prediction()

    with Spool(folder, SLOW) as spool:
        assert spool.append(payload_of(to_line(record)))

    assert records_in(folder) == [record]


def test_a_batch_is_appended_in_its_order(folder, prediction):
    records = [prediction() for _ in range(1000)]

    with Spool(folder, SLOW) as spool:
        assert spool.append_many(records)

        assert spool.stats() == SpoolStats(appended=1000, lost=0)
    assert records_in(folder) == records


def test_a_segment_is_closed_when_it_is_full(folder, prediction):
    records = [prediction() for _ in range(21)]
    four_records = 4 * len(to_line(records[0])) - 100
    with Spool(folder, Bounds(segment_bytes=four_records, segment_seconds=3600)) as spool:
        for record in records:
            spool.append(record)

        assert len(closed(folder)) == len(segments(folder)) - 1 == 5
    assert records_in(folder) == records


def test_a_segment_is_closed_when_it_is_old(folder, prediction):
    with Spool(folder, Bounds(segment_seconds=0.02)) as spool, within_a_moment() as again:
        spool.append(prediction())

        again(lambda: len(closed(folder)) == 1)


def test_a_segment_is_closed_when_the_spool_ends(folder, prediction):
    with Spool(folder, SLOW) as spool:
        spool.append(prediction())

    assert len(closed(folder)) == 1


def test_while_a_segment_waits_the_next_one_grows(folder, prediction):
    with Spool(folder, SLOW) as spool:
        for _ in range(5):
            spool.append(prediction())
            spool.rotate()

        assert len(segments(folder)) == 2


def test_an_idle_spool_makes_no_files(folder):
    with Spool(folder, Bounds(segment_seconds=0.01)):
        time.sleep(0.05)

    assert segments(folder) == []


def test_a_record_beyond_the_total_is_refused_and_counted(folder, prediction):
    with Spool(folder, Bounds(total_bytes=2000, segment_seconds=3600)) as spool:
        taken = [spool.append(prediction()) for _ in range(50)]

        assert taken == sorted(taken, reverse=True)
        assert spool.stats() == SpoolStats(appended=sum(taken), lost=50 - sum(taken))
    assert sum(segment.stat().st_size for segment in segments(folder)) <= 2000
    assert len(records_in(folder)) == sum(taken)


def test_what_other_processes_left_counts_for_the_total(folder, prediction):
    folder.mkdir(parents=True)
    (folder / "rejected.jsonl").write_bytes(b"x" * 2000)

    with Spool(folder, Bounds(total_bytes=2000, segment_seconds=3600)) as spool:
        spool.measure()

        assert not spool.append(prediction())


def test_there_is_room_again_when_segments_have_landed(folder, prediction):
    with Spool(folder, Bounds(segment_bytes=1, total_bytes=1000, segment_seconds=3600)) as spool:
        while spool.append(prediction()):
            pass
        for segment in segments(folder):
            segment.unlink()
        spool.measure()

        assert spool.append(prediction())


def test_a_folder_that_cannot_be_made_fails_no_answer(tmp_path, prediction):
    (tmp_path / "file").touch()

    with Spool(tmp_path / "file" / "log", SLOW) as spool:
        assert not spool.append(prediction())

        assert spool.stats() == SpoolStats(appended=0, lost=1)


def test_the_spool_goes_on_when_the_folder_can_be_made_again(tmp_path, prediction):
    (tmp_path / "file").touch()
    with Spool(tmp_path / "file" / "log", SLOW) as spool:
        spool.append(prediction())
        (tmp_path / "file").unlink()

        assert spool.append(prediction())


@pytest.mark.parametrize("feature", [object(), "\ud800"])
def test_a_record_that_json_cannot_hold_fails_no_answer(folder, prediction, feature):
    with Spool(folder, SLOW) as spool:
        assert not spool.append(prediction(features={"age": feature}))
        assert spool.append(prediction())

        assert spool.stats() == SpoolStats(appended=1, lost=1)


def test_losses_are_logged_with_their_number_and_reason(tmp_path, prediction, capsys):
    (tmp_path / "file").touch()

    with Spool(tmp_path / "file" / "log", SLOW) as spool:
        spool.append_many([prediction(), prediction()])

    output = capsys.readouterr()
    assert "predictions answered but not logged" in output.out + output.err
    assert "Not a directory" in output.out + output.err


def test_two_spools_share_a_folder(folder, prediction):
    records = [prediction() for _ in range(100)]

    with Spool(folder, SLOW) as one, Spool(folder, SLOW) as other:
        for first, second in zip(records[::2], records[1::2], strict=True):
            one.append(first)
            other.append(second)

    assert len(segments(folder)) == 2
    assert {record.prediction_id: record for record in records_in(folder)} == {
        record.prediction_id: record for record in records
    }
