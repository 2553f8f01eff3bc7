"""A client of the data API: the manifest, and batches whose bytes are checked against their sha256."""

import hashlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr, TypeAdapter, ValidationError

from readmission.domain.data_source import DataSource
from readmission.errors import (
    BatchNotPublished,
    ChecksumMismatch,
    InvalidInput,
    NotFound,
    SourceUnavailable,
    Unauthorized,
)
from readmission.http_contract import API_KEY_HEADER, PARQUET

# seconds before each repeated attempt
WAITS = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class PublishedBatch:
    """A batch of the manifest; ``sha256`` is the digest of its Parquet body."""

    batch_number: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The batches of the source. ``next_batch_at`` is ISO 8601 in UTC, None when no more batches will come."""

    total_batches: int
    published: int
    exhausted: bool
    next_batch_at: str | None
    source: DataSource
    batches: list[PublishedBatch]


class _PassingFailure(SourceUnavailable):
    """Another attempt may succeed."""


class DataApi:
    """A client of one data API.

    A request without an answer, or with the status 429 or 5xx, is repeated after 0.5, 1 and 2 seconds. If it still
    fails, or the answer is not a data API's, it raises :class:`SourceUnavailable`. A missing or wrong read key raises
    :class:`Unauthorized` at once.
    """

    def __init__(
        self,
        url: str,
        *,
        read_key: SecretStr | None = None,
        certificate: Path | None = None,
        timeout: float = 30,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``certificate``: a PEM file; no other certificate is trusted. ``timeout``: seconds for each attempt.

        Raises :class:`InvalidInput` for an invalid URL and for a certificate that cannot be read.
        """
        limits = httpx.Timeout(timeout, connect=min(timeout, 5))
        headers = {API_KEY_HEADER: read_key.get_secret_value()} if read_key else {}
        try:
            self._client = httpx.Client(base_url=url, headers=headers, verify=_trust(certificate), timeout=limits)
        except httpx.InvalidURL as error:
            raise InvalidInput(f"the data API's URL cannot be used: {error}") from error
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._client.close()

    def health(self) -> bool:
        """True when ``/health`` answers 200; otherwise raises :class:`SourceUnavailable` without a second attempt."""
        response = self._get_once("/health")
        if response.status_code != httpx.codes.OK:
            raise SourceUnavailable(f"{response.url} answers with HTTP status {response.status_code}")
        return True

    def manifest(self) -> Manifest:
        """The manifest of all published batches, from ``/batches``."""
        response = self._get("/batches")
        try:
            return TypeAdapter(Manifest).validate_python(_json(response))
        except ValidationError as error:
            raise SourceUnavailable(f"{response.url} does not answer as a data API does") from error

    def fetch_batch(self, batch_number: int, sha256: str | None = None) -> bytes:
        """The Parquet bytes of a batch, as received and checked.

        ``sha256``: the digest from the manifest; None fetches the manifest. Raises :class:`BatchNotPublished`,
        :class:`NotFound` for a number after the last batch, and :class:`ChecksumMismatch` when the digest of the
        bytes differs from the ETag or the manifest: the transfer broke, or the data API started over meanwhile.
        """
        response = self._get("/get_data", params={"batch_number": batch_number}, headers={"Accept": PARQUET})
        found = hashlib.sha256(response.content).hexdigest()
        if found != response.headers.get("ETag", "").strip('"'):
            raise ChecksumMismatch(f"batch {batch_number} came with sha256 {found}, its ETag says otherwise")
        promised = sha256 or self._promised(batch_number)
        if found != promised:
            raise ChecksumMismatch(f"batch {batch_number} came with sha256 {found}, the manifest promises {promised}")
        return response.content

    def _promised(self, batch_number: int) -> str | None:
        digests = {batch.batch_number: batch.sha256 for batch in self.manifest().batches}
        return digests.get(batch_number)

    def _get(self, path: str, **request: Any) -> httpx.Response:
        for seconds in WAITS:
            try:
                return _checked(self._attempt(path, **request))
            except _PassingFailure:
                self._sleep(seconds)
        return _checked(self._attempt(path, **request))

    def _attempt(self, path: str, **request: Any) -> httpx.Response:
        response = self._get_once(path, **request)
        if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise _PassingFailure(f"{response.url} answers with HTTP status {response.status_code}")
        return response

    def _get_once(self, path: str, **request: Any) -> httpx.Response:
        try:
            return self._client.get(path, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _PassingFailure(f"no answer from {self._client.base_url}{path}: {error!r}") from error


def _trust(certificate: Path | None) -> ssl.SSLContext | bool:
    if certificate is None:
        return True
    try:
        return ssl.create_default_context(cafile=certificate)
    except OSError as error:
        raise InvalidInput(f"DATA_API_CERTIFICATE {certificate} cannot be used: {error}") from error


def _checked(response: httpx.Response) -> httpx.Response:
    if response.status_code == httpx.codes.OK:
        return response
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise Unauthorized(f"{response.url} refuses the key: DATA_API_READ_KEY is not set or is not the server's")
    problem = _json(response)
    asked = response.url.params.get("batch_number")
    if response.status_code == httpx.codes.NOT_FOUND and asked and "next_batch_at" in problem:
        raise BatchNotPublished(int(asked), problem["next_batch_at"])
    if response.status_code == httpx.codes.NOT_FOUND:
        raise NotFound(str(problem.get("detail", f"{response.url} is not there")))
    raise SourceUnavailable(f"{response.url} answers with HTTP status {response.status_code}")


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
