"""Downloads the UCI archive once, checks it and keeps its CSV file in the cache."""

import hashlib
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import httpx

from readmission.data_api.encounter_file import ARCHIVE_MEMBER, open_csv
from readmission.errors import ChecksumMismatch, SourceUnavailable
from readmission.log import get_logger

# connecting fails fast, because without a network the start continues with synthetic rows
TIMEOUT = httpx.Timeout(10, connect=3)
ATTEMPTS = 4
_PIECE_BYTES = 256 * 1024
_PROGRESS_BYTES = 1_000_000


class _Transient(Exception):
    """A failure that may not occur again at the next attempt."""


def uci_file(url: str, sha256: str, cache: Path, sleep: Callable[[float], None] = time.sleep) -> Path:
    """The path of ``diabetic_data.csv`` in the cache. It is downloaded when it is missing or damaged.

    ``sha256`` is that of the CSV file, and it is checked at each call. Raises :class:`SourceUnavailable` when the
    download fails, and :class:`ChecksumMismatch` when the downloaded file has another sha256.
    """
    path = cache / f"{sha256[:12]}-{ARCHIVE_MEMBER}"
    if path.exists():
        if _sha256(path) == sha256:
            return path
        get_logger(__name__).warning("the cached data file is damaged and is downloaded again", path=str(path))
    cache.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _download(url, sha256, path)
        except _Transient as error:
            _wait_or_give_up(url, attempt, error, sleep)
        else:
            break
    return path


def _wait_or_give_up(url: str, attempt: int, error: _Transient, sleep: Callable[[float], None]) -> None:
    if attempt == ATTEMPTS:
        raise SourceUnavailable(f"{url} failed {ATTEMPTS} times; the last error: {error}") from error
    seconds = 0.5 * 2 ** (attempt - 1)
    get_logger(__name__).warning("download failed, trying again", attempt=attempt, reason=str(error), seconds=seconds)
    sleep(seconds)


def _download(url: str, sha256: str, path: Path) -> None:
    """Try to download once. ``path`` is written only when the file is complete and has the right sha256."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="unfinished-") as directory:
        archive, csv = Path(directory) / "archive.zip", Path(directory) / ARCHIVE_MEMBER
        with archive.open("wb") as file:
            _fetch(url, file)
        _extract(archive, csv)
        found = _sha256(csv)
        if found != sha256:
            raise ChecksumMismatch(f"{ARCHIVE_MEMBER} of {url} has sha256 {found}, expected {sha256}")
        csv.replace(path)


def _fetch(url: str, file: IO[bytes]) -> None:
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT, follow_redirects=True) as response:
            response.raise_for_status()
            _copy(response, file)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status >= 500 or status == 429:
            raise _Transient(f"HTTP status {status}") from error
        raise SourceUnavailable(f"{url} answers with HTTP status {status}") from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise SourceUnavailable(f"no connection to {url}: {error}") from error
    except httpx.TransportError as error:
        raise _Transient(f"{type(error).__name__}: {error}") from error
    except (httpx.InvalidURL, httpx.TooManyRedirects, httpx.DecodingError) as error:
        raise SourceUnavailable(f"{url} cannot be downloaded: {error}") from error


def _copy(response: httpx.Response, file: IO[bytes]) -> None:
    log = get_logger(__name__)
    total = int(response.headers.get("Content-Length") or 0)
    step = max(total // 10, 1) if total else _PROGRESS_BYTES
    log.info("downloading the UCI archive", url=str(response.url), bytes=total or None)
    done = shown = 0
    for piece in response.iter_bytes(_PIECE_BYTES):
        done += file.write(piece)
        if done - shown >= step:
            shown = done
            log.info("downloading", bytes=done, percent=round(100 * done / total) if total else None)


def _extract(archive: Path, csv: Path) -> None:
    try:
        if not zipfile.is_zipfile(archive):
            # the body was cut off, or it is the login page of a network
            raise _Transient("the response is not a whole zip archive")
        with open_csv(archive) as source, csv.open("wb") as target:
            while piece := source.read(_PIECE_BYTES):
                target.write(piece)
    except zipfile.BadZipFile as error:
        raise _Transient(f"the zip archive is damaged: {error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
