"""Segments: who may write and ship them, and what a failed write leaves."""

import os
import resource
import stat

import pytest

from readmission.prediction.log.segment import OpenSegment, claimed, segments


def test_files_and_folder_are_for_this_user_only(folder):
    segment = OpenSegment.create(folder)

    assert stat.S_IMODE(segment.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_segment_that_is_written_cannot_be_claimed(folder):
    segment = OpenSegment.create(folder)

    with claimed(segment.path) as file:
        assert file is None


def test_a_closed_segment_can_be_claimed_once(folder):
    segment = OpenSegment.create(folder)
    segment.append(b"line\n")
    segment.close()

    with claimed(segment.path) as first, claimed(segment.path) as second:
        assert first.read() == b"line\n"
        assert second is None


def test_a_segment_that_was_removed_cannot_be_claimed(folder):
    segment = OpenSegment.create(folder)
    segment.close()

    with claimed(segment.path):
        segment.path.unlink()

    with claimed(segment.path) as file:
        assert file is None


def test_the_segments_are_in_the_order_in_which_they_were_made(folder):
    made = [OpenSegment.create(folder).path for _ in range(20)]
    (folder / "rejected.jsonl").touch()

    assert segments(folder) == made


def test_a_folder_that_is_not_there_has_no_segments(folder):
    assert segments(folder) == []


def test_a_write_that_does_not_fit_leaves_nothing(folder):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    segment = OpenSegment.create(folder)
    segment.append(b"whole\n")
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))

    try:
        with pytest.raises(OSError, match="No space left"):
            segment.append(b"only the beginning of this fits\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert segment.path.read_bytes() == b"whole\n"


def test_a_forked_child_does_not_keep_a_closed_segment(folder):
    segment = OpenSegment.create(folder)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    segment.close()

    with claimed(segment.path) as file:
        assert file is not None

    os.close(writing)
    os.waitpid(child, 0)
