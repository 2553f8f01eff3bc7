"""Who may call: API keys, compared in constant time."""

import hmac

from fastapi import Request
from pydantic import SecretStr

from readmission.errors import Forbidden, MissingSetting, Unauthorized
from readmission.http_contract import API_KEY_HEADER


class ApiKeys:
    """The keys of a route; without any, it is open."""

    def __init__(self, keys: SecretStr | None) -> None:
        """``keys`` are separated by commas; raises :class:`MissingSetting` for a setting that holds none."""
        words = keys.get_secret_value().split(",") if keys else []
        self._keys = [word.strip().encode() for word in words if word.strip()]
        if keys is not None and not self._keys:
            raise MissingSetting("API_KEYS")

    def check(self, request: Request) -> None:
        """Raises :class:`Unauthorized`."""
        if self._keys and not _is_one_of(request, self._keys):
            raise Unauthorized(f"the header {API_KEY_HEADER} lacks a valid key")


class AdminKey:
    """The operator's one key; without it, the route is closed."""

    def __init__(self, key: SecretStr | None) -> None:
        self._keys = [key.get_secret_value().encode()] if key and key.get_secret_value() else []

    def check(self, request: Request) -> None:
        """Raises :class:`Unauthorized`, or :class:`Forbidden` where no key is set."""
        if not self._keys:
            raise Forbidden("this route is closed: the server has no ADMIN_API_KEY")
        if not _is_one_of(request, self._keys):
            raise Unauthorized(f"the header {API_KEY_HEADER} lacks the admin key")


def _is_one_of(request: Request, keys: list[bytes]) -> bool:
    # all keys are compared, whichever matches: the time says nothing
    sent = request.headers.get(API_KEY_HEADER, "").encode("latin-1")
    return sum(hmac.compare_digest(sent, key) for key in keys) > 0
