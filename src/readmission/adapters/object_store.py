"""The S3 store: bytes and Parquet frames by bucket and key."""

import hashlib
import io
from typing import Self
from urllib.parse import urlsplit

import pandas as pd
from minio import Minio
from minio.error import S3Error

from readmission.settings.parts import ObjectStoreSettings

LANDING = "landing"
DATASETS = "datasets"


class ObjectStore:
    """One S3 endpoint. Writes are idempotent: the same key with the same bytes is left as it is."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, region: str) -> None:
        url = urlsplit(endpoint)
        self._client = Minio(
            url.netloc, access_key=access_key, secret_key=secret_key, region=region, secure=url.scheme == "https"
        )

    @classmethod
    def from_settings(cls, settings: ObjectStoreSettings) -> Self:
        return cls(
            settings.s3_endpoint,
            settings.require("s3_access_key"),
            settings.require("s3_secret_key"),
            settings.s3_region,
        )

    def make_bucket(self, bucket: str) -> None:
        """Create a bucket unless it is there."""
        if not self._client.bucket_exists(bucket):
            self._client.make_bucket(bucket)

    def exists(self, bucket: str, key: str) -> bool:
        return self._sha256(bucket, key) is not None

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return [str(item.object_name) for item in self._client.list_objects(bucket, prefix, recursive=True)]

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``; nothing is written when the same bytes are there already."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self._sha256(bucket, key) != sha256:
            self._client.put_object(bucket, key, io.BytesIO(data), len(data), metadata={"sha256": sha256})

    def get(self, bucket: str, key: str) -> bytes:
        """The bytes under ``key``; raises ``minio.error.S3Error`` (NoSuchKey) when there are none."""
        with self._client.get_object(bucket, key) as response:
            return bytes(response.read())

    def put_frame(self, bucket: str, key: str, frame: pd.DataFrame) -> None:
        self.put(bucket, key, parquet(frame))

    def get_frame(self, bucket: str, key: str) -> pd.DataFrame:
        return pd.read_parquet(io.BytesIO(self.get(bucket, key)))

    def _sha256(self, bucket: str, key: str) -> str | None:
        try:
            metadata = self._client.stat_object(bucket, key).metadata or {}
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            raise
        return str(metadata.get("x-amz-meta-sha256", ""))


def parquet(frame: pd.DataFrame) -> bytes:
    """A frame as Parquet bytes; the same frame gives the same bytes."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()
