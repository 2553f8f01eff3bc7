"""The process of the data API: it finds the source, cuts the batches and serves until it is stopped."""

import signal
import socket
import sys
from types import FrameType

import pyarrow as pa
import waitress
from flask import Flask

from readmission.data_api.app import create_app
from readmission.data_api.batches import BatchStore
from readmission.data_api.publication import Publication
from readmission.data_api.sources import find_source
from readmission.errors import ReadmissionError
from readmission.log import configure_logging, get_logger
from readmission.settings import DataApiSettings

_THREADS = 8
# no route reads a body
_MAX_BODY_BYTES = 64 * 1024
# waitress reads a file in pieces of the size of the socket's buffer, which is megabytes by default
_SOCKET_OPTIONS = [
    (socket.SOL_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024),
]


def build(settings: DataApiSettings) -> Flask:
    """Build the application from the settings. Raises what ``find_source`` and ``BatchStore.prepare`` raise."""
    # Arrow's own pools keep freed memory, and this process runs on a very small machine
    pa.set_memory_pool(pa.system_memory_pool())
    source = find_source(settings)
    store = BatchStore.prepare(source, settings.batch_size, settings.data_cache)
    pa.default_memory_pool().release_unused()
    publication = Publication(settings.data_cache, store.digest, store.total, settings.batch_interval_seconds)
    get_logger(__name__).info(
        "batches ready", source=store.source, total_batches=store.total, published=publication.published
    )
    return create_app(store, publication, api_key=settings.data_api_key, read_key=settings.data_api_read_key)


def main(settings: DataApiSettings) -> None:
    """Serve until SIGTERM or SIGINT. When the API cannot start, log one event and exit with status 1."""
    configure_logging(json=settings.log_json)
    log = get_logger(__name__)
    try:
        server = waitress.create_server(
            build(settings),
            host=settings.host,
            port=settings.data_api_port,
            threads=_THREADS,
            ident=None,
            max_request_body_size=_MAX_BODY_BYTES,
        )
        server.adj.socket_options = _SOCKET_OPTIONS
    except (ReadmissionError, OSError) as error:
        log.error("the data API cannot start", error=type(error).__name__, reason=str(error))  # noqa: TRY400
        sys.exit(1)
    signal.signal(signal.SIGTERM, _stop)
    log.info("data API listening", host=settings.host, port=settings.data_api_port)
    # waitress stops at SystemExit; a client whose download is cut off then asks again
    server.run()
    log.info("data API stopped")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
