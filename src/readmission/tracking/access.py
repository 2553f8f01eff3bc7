"""Who may do what at the MLflow server. Every request except the health check needs the password of an account.

MLflow has routes of several frameworks (FastAPI, and Flask inside of it). This layer stands before all of them, so a
new route of MLflow is closed, too.
"""

import base64
import binascii
import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from readmission.http_contract import CHALLENGE_HEADER

HEALTH = "/health"
_READING = ("GET", "HEAD")

# the server's own log, which its command line configures
log = logging.getLogger("uvicorn.error")


@dataclass(frozen=True)
class Account:
    """A name with its password. ``may_write``: whether it may do more than GET and HEAD."""

    name: str
    password: SecretStr
    may_write: bool

    def credentials(self) -> bytes:
        """Name and password as HTTP's Basic scheme joins them."""
        return f"{self.name}:{self.password.get_secret_value()}".encode()


class AccessControl:
    """An ASGI application that passes on the requests of known accounts (HTTP Basic, RFC 7617).

    A request without the password of an account gets 401. A request that writes gets 403 if its account may only read.
    """

    def __init__(self, app: ASGIApp, accounts: Sequence[Account]) -> None:
        self._app = app
        self._accounts = [(account, account.credentials()) for account in accounts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it. MLflow has no WebSocket, so each one is refused."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await (self._refusal(scope) or self._app)(scope, receive, send)
        else:
            await WebSocketClose()(scope, receive, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        if scope["path"] == HEALTH:
            return None
        account = self._account(Headers(scope=scope).get("Authorization", ""))
        if account is None:
            return _unauthorized()
        if account.may_write or scope["method"] in _READING:
            return None
        log.warning("refused: %s may only read, not %s %r", account.name, scope["method"], scope["path"])
        return PlainTextResponse(f"{account.name} may only read", HTTPStatus.FORBIDDEN)

    def _account(self, authorization: str) -> Account | None:
        sent = _basic_credentials(authorization)
        # compare all accounts, so that the response time does not reveal which name exists
        matching = [account for account, known in self._accounts if hmac.compare_digest(sent, known)]
        return matching[0] if matching else None


def _unauthorized() -> PlainTextResponse:
    return PlainTextResponse(
        "sign in with an account of this MLflow server",
        HTTPStatus.UNAUTHORIZED,
        {CHALLENGE_HEADER: 'Basic realm="MLflow", charset="UTF-8"'},
    )


def _basic_credentials(authorization: str) -> bytes:
    """Name, colon and password of the header; empty, which no account has, when it holds none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
