"""Authentication by the header ``X-API-Key``. Keys are compared in constant time."""

import hmac

from fastapi import Request
from pydantic import SecretStr

from readmission.errors import Forbidden, MissingSetting, Unauthorized
from readmission.http_contract import API_KEY_HEADER


class ApiKeys:
    """The keys that a route accepts. A route without keys is open to everybody."""

    def __init__(self, keys: SecretStr | None) -> None:
        """``keys`` is a comma-separated list. Raises :class:`MissingSetting` when it is set but holds no key."""
        words = keys.get_secret_value().split(",") if keys else []
        self.accepted = [word.strip().encode() for word in words if word.strip()]
        if keys is not None and not self.accepted:
            raise MissingSetting("API_KEYS")

    def check(self, request: Request) -> None:
        """Accept a request that carries one of the keys. Raises :class:`Unauthorized` otherwise."""
        self.check_key(request.headers.get(API_KEY_HEADER, ""))

    def check_key(self, sent: str) -> None:
        """Accept a key that was sent; empty means none. Raises :class:`Unauthorized` unless it is one of the keys."""
        if self.accepted and not _is_one_of(sent, self.accepted):
            raise Unauthorized(f"the header {API_KEY_HEADER} lacks a valid key")


class AdminKey:
    """The operator's key. A route without this key is closed to everybody."""

    def __init__(self, key: SecretStr | None) -> None:
        self._keys = [key.get_secret_value().encode()] if key and key.get_secret_value() else []

    def check(self, request: Request) -> None:
        """Accept a request that carries the admin key.

        Raises :class:`Unauthorized` when the key is wrong, and :class:`Forbidden` when the server has no admin key.
        """
        if not self._keys:
            raise Forbidden("this route is closed: the server has no ADMIN_API_KEY")
        if not _is_one_of(request.headers.get(API_KEY_HEADER, ""), self._keys):
            raise Unauthorized(f"the header {API_KEY_HEADER} lacks the admin key")


def _is_one_of(key: str, keys: list[bytes]) -> bool:
    # compare all keys, so that the response time does not reveal which one matches
    sent = key.encode("latin-1", "replace")
    return sum(hmac.compare_digest(sent, key) for key in keys) > 0
