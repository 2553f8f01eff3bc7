"""The object store, in memory."""

import io

import pandas as pd

from readmission.adapters.object_store import parquet


class MemoryStore:
    """A double of ``adapters.object_store.ObjectStore``; ``ObjectStoreContract`` holds both."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def exists(self, bucket: str, key: str) -> bool:
        return (bucket, key) in self.objects

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.objects[bucket, key] = data

    def get(self, bucket: str, key: str) -> bytes:
        return self.objects[bucket, key]

    def put_frame(self, bucket: str, key: str, frame: pd.DataFrame) -> None:
        self.put(bucket, key, parquet(frame))

    def get_frame(self, bucket: str, key: str) -> pd.DataFrame:
        return pd.read_parquet(io.BytesIO(self.get(bucket, key)))
