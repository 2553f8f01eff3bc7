"""The secrets of the native run. Each is made once and kept in its own file, which only this user may read."""

import base64
import os
import secrets
from pathlib import Path

from readmission.errors import ReadmissionError


class UnsafeSecret(ReadmissionError):
    """The file of a secret is empty, or other users can read it."""


class SecretFiles:
    """A folder of mode 0700 with one file of mode 0600 for each secret."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def get(self, name: str) -> str:
        """The secret of this name, made on the first call: 32 URL-safe characters. Raises :class:`UnsafeSecret`."""
        return self._get(name, secrets.token_urlsafe(24))

    def fernet_key(self, name: str) -> str:
        """A key for ``cryptography.fernet``, made on the first call. Raises :class:`UnsafeSecret`."""
        return self._random_key(name)

    def signing_key(self, name: str) -> str:
        """A private Ed25519 key for ``adapters.signatures``, made on the first call. Raises :class:`UnsafeSecret`."""
        return self._random_key(name)

    def _random_key(self, name: str) -> str:
        return self._get(name, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

    def check(self, name: str) -> None:
        """Check the file of a secret that exists. Raises :class:`UnsafeSecret`."""
        _read(self.directory / name)

    def _get(self, name: str, fresh: str) -> str:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read(path)
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh)
        return fresh


def _read(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise UnsafeSecret(f"{path} can be read by others: chmod 600 {path}, or make reset")
    # the file is empty when a process was killed between creating and writing it
    return path.read_text() or _refuse_empty(path)


def _refuse_empty(path: Path) -> str:
    raise UnsafeSecret(f"{path} is empty: delete it and start again")
