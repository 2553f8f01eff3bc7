"""What a client of the data API does, of the real one and of the one in memory."""

import hashlib

import pytest

from readmission.errors import BatchNotPublished, ChecksumMismatch, NotFound, SourceUnavailable


class DataApiContract:
    """Needs the fixtures ``data_api``, with the first of two synthetic batches published, and ``dead_data_api``."""

    def test_the_manifest_tells_what_is_published_and_that_more_will_come(self, data_api):
        manifest = data_api.manifest()

        assert (manifest.total_batches, manifest.published, manifest.exhausted) == (2, 1, False)
        assert manifest.next_batch_at.startswith("20")
        assert manifest.source == "synthetic"
        assert [batch.batch_number for batch in manifest.batches] == [1]

    def test_a_batch_has_the_sha256_of_the_manifest(self, data_api):
        (batch,) = data_api.manifest().batches

        received = data_api.fetch_batch(1, batch.sha256)

        assert hashlib.sha256(received).hexdigest() == batch.sha256
        assert data_api.fetch_batch(1) == received

    def test_a_batch_with_another_sha256_than_expected_is_refused(self, data_api):
        with pytest.raises(ChecksumMismatch):
            data_api.fetch_batch(1, "0" * 64)

    def test_a_batch_that_is_not_published_yet_says_so(self, data_api):
        with pytest.raises(BatchNotPublished):
            data_api.fetch_batch(2)

    def test_a_batch_beyond_the_last_is_not_found(self, data_api):
        with pytest.raises(NotFound):
            data_api.fetch_batch(3)

    def test_one_that_answers_is_well(self, data_api):
        assert data_api.health()

    def test_one_that_does_not_answer_is_unavailable(self, dead_data_api):
        with pytest.raises(SourceUnavailable):
            dead_data_api.health()
