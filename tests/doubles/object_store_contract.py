"""What an object store does, S3 and the one in memory."""

import uuid

import pandas as pd
import pytest

BUCKET = "landing"


class ObjectStoreContract:
    """Needs the fixture ``store``, with the bucket ``landing``."""

    @pytest.fixture
    def key(self) -> str:
        """A key of this test's own: the tests may share a server."""
        return f"contract/{uuid.uuid4().hex}"

    def test_what_was_put_is_there(self, store, key):
        assert not store.exists(BUCKET, key)

        store.put(BUCKET, key, b"abc")

        assert store.exists(BUCKET, key)
        assert store.get(BUCKET, key) == b"abc"

    def test_putting_the_same_again_changes_nothing(self, store, key):
        store.put(BUCKET, key, b"abc")

        store.put(BUCKET, key, b"abc")

        assert store.get(BUCKET, key) == b"abc"

    def test_other_bytes_under_a_key_replace_the_first(self, store, key):
        store.put(BUCKET, key, b"abc")

        store.put(BUCKET, key, b"abcd")

        assert store.get(BUCKET, key) == b"abcd"

    def test_a_frame_comes_back_with_its_types_and_its_gaps(self, store, key):
        frame = pd.DataFrame({"number": pd.array([1, None], "Int64"), "text": ["a", None]})

        store.put_frame(BUCKET, key, frame)

        pd.testing.assert_frame_equal(store.get_frame(BUCKET, key), frame)
