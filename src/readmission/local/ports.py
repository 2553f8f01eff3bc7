"""Ports of the loopback address: whether they are free, and which process uses the others."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from readmission.local.processes import is_marked
from readmission.local.service import Service

LOOPBACK = "127.0.0.1"
_UNKNOWN = "another process"


@dataclass(frozen=True)
class Conflict:
    """A port that a service needs and that ``holder`` uses; its text says how to solve the conflict."""

    service: Service
    label: str
    port: int
    holder: str

    def __str__(self) -> str:
        wanted = f"port {self.port} ({self.service.name}, {self.label})"
        return f"{wanted} is in use by {self.holder}: stop that, or set {self.service.port_setting} to another port"


def is_free(port: int) -> bool:
    """Whether a server can listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in TIME_WAIT is no conflict
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def conflicts(services: Iterable[Service], own: str) -> list[Conflict]:
    """The ports that another program uses or that two of ``services`` need.

    A process whose mark begins with ``own`` belongs to this instance and causes no conflict.
    """
    wanted: dict[int, str] = {}
    found = []
    for service in services:
        for label, port in service.ports.items():
            if port in wanted:
                found.append(Conflict(service, label, port, f"{wanted[port]}, which wants it too"))
            elif not is_free(port) and (holder := _stranger(port, own)):
                found.append(Conflict(service, label, port, holder))
            wanted.setdefault(port, service.name)
    return found


def _stranger(port: int, own: str) -> str | None:
    """The process that listens on ``port``, as far as this user may see it; None when it belongs to this instance."""
    process = _listener(port)
    if process is None:
        return _UNKNOWN
    if is_marked(process, own):
        return None
    try:
        return f"{process.name()} (process {process.pid})"
    except psutil.Error:
        return _UNKNOWN


def _listener(port: int) -> psutil.Process | None:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return psutil.Process(connection.pid)
    return None
