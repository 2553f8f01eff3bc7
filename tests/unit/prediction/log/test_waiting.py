"""What waits in the log's folder: how much, how old, and one prediction that is wanted now."""

import pytest

from readmission.prediction.log.segment import segments
from readmission.prediction.log.spool import Bounds, Spool
from readmission.prediction.log.waiting import Backlog, Waiting, land_waiting

SLOW = Bounds(segment_seconds=3600)


@pytest.fixture
def spool(folder):
    with Spool(folder, SLOW) as opened:
        yield opened


def test_nothing_waits_where_no_folder_is(folder):
    assert Backlog(folder).measure() == Waiting(records=0, bytes=0, oldest_seconds=0.0)


def test_records_of_open_and_closed_segments_wait(folder, spool, prediction):
    spool.append(prediction())
    spool.rotate()
    spool.append_many([prediction(), prediction()])

    waiting = Backlog(folder).measure()

    assert waiting.records == 3
    assert waiting.bytes == sum(segment.stat().st_size for segment in segments(folder))
    assert 0 <= waiting.oldest_seconds < 60


def test_a_second_measure_sees_what_came_and_what_landed(folder, spool, prediction):
    backlog = Backlog(folder)
    spool.append_many([prediction(), prediction()])
    spool.rotate()
    spool.append(prediction())
    backlog.measure()

    spool.append(prediction())
    segments(folder)[0].unlink()

    assert backlog.measure().records == 2


def test_a_waiting_prediction_lands_at_once(folder, spool, prediction, table, stored):
    records = [prediction() for _ in range(3)]
    for record in records:
        spool.append(record)

    land_waiting(folder, records[1].prediction_id, table)

    assert stored() == [records[1].prediction_id]


def test_a_prediction_lands_once_however_often_it_is_asked_for(folder, spool, prediction, table, stored):
    record = prediction()
    spool.append(record)

    land_waiting(folder, record.prediction_id, table)
    land_waiting(folder, record.prediction_id, table)

    assert stored() == [record.prediction_id]


def test_an_id_that_only_occurs_in_a_feature_lands_nothing(folder, spool, prediction, table, stored):
    spool.append(prediction(features={"age": "wanted"}))

    land_waiting(folder, "wanted", table)

    assert stored() == []


def test_a_prediction_that_is_refused_is_as_one_that_is_not_there(folder, spool, prediction, table, stored):
    spool.append(prediction(prediction_id="refused", model_name=None))

    land_waiting(folder, "refused", table)

    assert stored() == []
