"""Ports of this machine's loopback address: which are free, and who holds those that are not."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from readmission.local.service import Service

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Conflict:
    """A port that a service wants and cannot have."""

    service: str
    label: str
    port: int
    holder: str

    def __str__(self) -> str:
        return f"port {self.port} ({self.service}, {self.label}) is in use by {self.holder}"


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection's rest is no conflict
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def conflicts(services: Iterable[Service]) -> list[Conflict]:
    """The ports that others hold, or that two of ``services`` want."""
    wanted: dict[int, str] = {}
    found = []
    for service in services:
        for label, port in service.ports.items():
            if port in wanted:
                found.append(Conflict(service.name, label, port, f"{wanted[port]} too: give one of them another port"))
            elif not is_free(port):
                found.append(Conflict(service.name, label, port, holder_of(port)))
            wanted.setdefault(port, service.name)
    return found


def holder_of(port: int) -> str:
    """The name and id of the process that listens on ``port``, as far as this user may see it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "another process"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.Error:
                break
    return "another process"
