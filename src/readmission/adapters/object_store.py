"""The S3 store: bytes and Parquet frames by bucket and key."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

import pandas as pd
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from readmission.errors import InvalidInput, InvalidSource, NotFound, ReadmissionError, SourceUnavailable, Unauthorized
from readmission.settings.parts import ObjectStoreSettings

LANDING = "landing"
DATASETS = "datasets"

_NO_OBJECT, _NO_BUCKET = "NoSuchKey", "NoSuchBucket"
# another process created the bucket meanwhile
_BUCKET_IS_THERE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
_REFUSED = frozenset({401, 403})
# also a 403, but the keys are right: a clock is wrong
_CLOCKS_DIFFER = "RequestTimeTooSkewed"


class ObjectStore:
    """A client of one S3 endpoint. Writes are idempotent: the same bytes under the same key are not written again.

    Methods raise :class:`NotFound` (no such object or bucket), :class:`Unauthorized` (wrong access keys or missing
    permission) and :class:`SourceUnavailable` (no answer, or not an S3 server's).
    """

    def __init__(self, endpoint: str, access_key: str, secret_key: str, region: str) -> None:
        """``endpoint`` is an http or https URL; raises :class:`InvalidInput` for anything else."""
        self._client = _client(endpoint, access_key, secret_key, region)

    @classmethod
    def from_settings(cls, settings: ObjectStoreSettings) -> Self:
        """The store that the settings name. Raises ``MissingSetting`` without its keys, and :class:`InvalidInput`."""
        return cls(
            settings.s3_endpoint,
            settings.require("s3_access_key"),
            settings.require("s3_secret_key"),
            settings.s3_region,
        )

    def make_bucket(self, bucket: str) -> None:
        """Create a bucket unless it exists; raises :class:`Unauthorized` when these keys may not create it."""
        with _translated(bucket):
            if not self._client.bucket_exists(bucket):
                self._make_bucket(bucket)

    def exists(self, bucket: str, key: str) -> bool:
        """Whether there is an object under ``key``; False also when the bucket does not exist."""
        with _translated(bucket, key):
            return self._sha256(bucket, key) is not None

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """All keys of a bucket that begin with ``prefix``."""
        with _translated(bucket):
            return [str(item.object_name) for item in self._client.list_objects(bucket, prefix, recursive=True)]

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``; a missing bucket is created, and the same bytes are not written again."""
        sha256 = hashlib.sha256(data).hexdigest()
        with _translated(bucket, key):
            if self._sha256(bucket, key) == sha256:
                return
            try:
                self._put(bucket, key, data, sha256)
            except S3Error as error:
                if error.code != _NO_BUCKET:
                    raise
                self._make_bucket(bucket)
                self._put(bucket, key, data, sha256)

    def get(self, bucket: str, key: str) -> bytes:
        """The bytes of the object under ``key``."""
        with _translated(bucket, key), self._client.get_object(bucket, key) as response:
            return bytes(response.read())

    def put_frame(self, bucket: str, key: str, frame: pd.DataFrame) -> None:
        """Store a frame as Parquet, without its index; otherwise as :meth:`put`."""
        self.put(bucket, key, parquet(frame))

    def get_frame(self, bucket: str, key: str) -> pd.DataFrame:
        """The frame under ``key``; raises :class:`InvalidSource` when the object is not a Parquet file."""
        data = self.get(bucket, key)
        try:
            return pd.read_parquet(io.BytesIO(data))
        # pyarrow's errors are subclasses of these
        except (ValueError, OSError) as error:
            raise InvalidSource(f"{bucket}/{key} is not a readable Parquet file") from error

    def _put(self, bucket: str, key: str, data: bytes, sha256: str) -> None:
        self._client.put_object(bucket, key, io.BytesIO(data), len(data), metadata={"sha256": sha256})

    def _make_bucket(self, bucket: str) -> None:
        try:
            self._client.make_bucket(bucket)
        except S3Error as error:
            if error.response.status in _REFUSED and error.code != _CLOCKS_DIFFER:
                message = f"there is no bucket {bucket} and these keys may not create it: create it, or allow them to"
                raise Unauthorized(message) from error
            if error.code not in _BUCKET_IS_THERE:
                raise

    def _sha256(self, bucket: str, key: str) -> str | None:
        """The sha256 in the object's metadata, empty without one; None when there is no such object or bucket."""
        try:
            metadata = self._client.stat_object(bucket, key).metadata or {}
        except S3Error as error:
            if error.code in (_NO_OBJECT, _NO_BUCKET):
                return None
            raise
        return str(metadata.get("x-amz-meta-sha256", ""))


def parquet(frame: pd.DataFrame) -> bytes:
    """The frame without its index as Parquet bytes, compressed with zstd; the same frame gives the same bytes."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _client(endpoint: str, access_key: str, secret_key: str, region: str) -> Minio:
    # a URL that cannot be parsed and one without a host are the same error
    with suppress(ValueError):
        url = urlsplit(endpoint)
        if url.scheme in ("http", "https") and url.hostname:
            secure = url.scheme == "https"
            return Minio(url.netloc, access_key=access_key, secret_key=secret_key, region=region, secure=secure)
    raise InvalidInput("the object store's endpoint must be a URL such as http://127.0.0.1:9000")


@contextmanager
def _translated(bucket: str, key: str = "") -> Iterator[None]:
    """Translate the S3 client's errors; their texts are left out, since they hold hosts and request ids."""
    place = f"{bucket}/{key}" if key else f"the bucket {bucket}"
    try:
        yield
    except S3Error as error:
        raise _translation(error, bucket, place) from error
    except (MinioException, HTTPError, OSError) as error:
        raise SourceUnavailable(f"the object store gives no answer for {place}: {type(error).__name__}") from error


def _translation(error: S3Error, bucket: str, place: str) -> ReadmissionError:
    if error.code == _NO_BUCKET:
        return NotFound(f"the object store has no bucket {bucket}")
    if error.code == _NO_OBJECT:
        return NotFound(f"the object store has no {place}")
    if error.response.status in _REFUSED and error.code != _CLOCKS_DIFFER:
        return Unauthorized(f"the object store refuses these keys for {place}: {error.code}")
    return SourceUnavailable(f"the object store cannot do this for {place} now: {error.code}")
