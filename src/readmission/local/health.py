"""Health checks of the native run's services."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import mysql.connector

from readmission.errors import ReadmissionError
from readmission.local.mariadb import system_user
from readmission.local.service import Service


class NotHealthy(ReadmissionError):
    """The health check failed; the text says how."""


def check(service: Service, *, started_at: float = 0.0, timeout: float = 5.0) -> None:
    """Check a service once; raises :class:`NotHealthy` when it is not healthy.

    ``started_at`` is the start of its process in epoch seconds: a heartbeat must be younger. ``timeout`` is in seconds.
    """
    url = service.health.url
    if url.startswith("mariadb://"):
        _check_mariadb(url.removeprefix("mariadb://"), timeout)
        return
    body = _get(url, timeout)
    if service.health.heartbeat:
        _check_heartbeat(json.loads(body)[service.health.heartbeat], service.health.heartbeat, started_at)


def wait_healthy(service: Service, started_at: Callable[[], float]) -> None:
    """Check a service every 0.2 s until it is healthy.

    ``started_at`` returns the start of its process in epoch seconds. It is called before each check, and an error that
    it raises ends the wait. Raises :class:`NotHealthy` after the service's ``ready_seconds``.
    """
    deadline = time.monotonic() + service.ready_seconds
    while True:
        started = started_at()
        try:
            return check(service, started_at=started)
        except NotHealthy:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _get(url: str, timeout: float) -> bytes:
    """The body of a 200 answer, over plain HTTP and without a proxy: the services are on this machine."""
    address = urlsplit(url)
    connection = HTTPConnection(address.netloc, timeout=timeout)
    try:
        connection.request("GET", address.path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, HTTPException) as error:
        raise NotHealthy(f"{url}: {type(error).__name__}") from error
    finally:
        connection.close()
    if response.status != HTTPStatus.OK:
        raise NotHealthy(f"{url} answers {response.status}")
    return body


def _check_heartbeat(report: dict[str, str | None], component: str, started_at: float) -> None:
    beat = report.get(f"latest_{component}_heartbeat")
    if report["status"] != "healthy" or beat is None:
        raise NotHealthy(f"{component} is {report['status']}")
    # the last heartbeat of a killed process is still young enough to count as healthy
    if datetime.fromisoformat(beat).astimezone(UTC).timestamp() < started_at:
        raise NotHealthy(f"{component} has not sent a heartbeat yet")


def _check_mariadb(socket: str, timeout: float) -> None:
    try:
        with mysql.connector.connect(
            unix_socket=socket, user=system_user(), connection_timeout=max(1, int(timeout))
        ) as connection:
            connection.ping(reconnect=False)
    except mysql.connector.Error as error:
        raise NotHealthy(f"no answer on {socket}: {error.msg}") from error
