"""What is published when, over restarts and damage."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from readmission.data_api.publication import Publication

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(tmp_path, clock):
    def publication(digest="d", interval=300, total=7):
        return Publication(tmp_path, digest, total, interval, clock)

    return publication


@pytest.mark.parametrize(
    ("seconds", "published"), [(0, 1), (299.9, 1), (300, 2), (899, 3), (1_799, 6), (1_800, 7), (10**9, 7)]
)
def test_one_more_batch_is_published_each_interval(start, clock, seconds, published):
    publication = start()

    clock.advance(seconds)

    assert publication.published == published


def test_the_next_batch_comes_one_interval_later(start, clock):
    publication = start()

    clock.advance(450)

    assert publication.next_batch_at == "2026-11-23T12:10:00+00:00"


def test_after_the_last_batch_nothing_comes(start, clock):
    publication = start()

    clock.advance(1_800)

    assert publication.next_batch_at is None


def test_without_an_interval_all_is_published_at_once(start):
    publication = start(interval=0)

    assert (publication.published, publication.next_batch_at) == (7, None)


def test_what_is_published_survives_a_restart(start, clock):
    start()
    clock.advance(700)

    assert start().published == 3


def test_a_clock_set_back_keeps_the_first_batch_published(start, clock):
    publication = start()

    clock.advance(-3_600)

    assert publication.published == 1


def test_other_batches_start_over(start, clock):
    start()
    clock.advance(700)

    assert start(digest="another").published == 1


def test_restarting_publishes_the_first_batch_now(start, clock):
    publication = start()
    clock.advance(700)

    publication.restart()

    assert (publication.published, start().published) == (1, 1)
    assert publication.next_batch_at == "2026-11-23T12:16:40+00:00"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b'{"started_at": "2026-11-2',
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b'{"started_at": 7, "digest": "d"}',
        b'{"started_at": "yesterday", "digest": "d"}',
    ],
)
def test_a_damaged_state_is_kept_aside_and_publication_starts_over(start, clock, tmp_path, damage):
    start()
    clock.advance(700)
    (tmp_path / "publication.json").write_bytes(damage)

    publication = start()

    assert publication.published == 1
    assert (tmp_path / "publication.damaged").read_bytes() == damage
    assert json.loads((tmp_path / "publication.json").read_text())["digest"] == "d"


def test_a_state_without_a_time_zone_starts_over(start, tmp_path):
    (tmp_path / "publication.json").write_text('{"started_at": "2020-01-01T00:00:00", "digest": "d"}')

    assert start().published == 1


def test_a_write_that_was_cut_off_leaves_the_old_state(start, clock, tmp_path):
    start()
    clock.advance(700)
    (tmp_path / "publication.unfinished").write_text('{"started_at": "20')

    assert start().published == 3
