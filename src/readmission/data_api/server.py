"""The data API as a process: finds its rows, cuts the batches, listens until it is told to stop."""

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
# no route takes a body
_MAX_BODY_BYTES = 64 * 1024
# waitress reads as much of a file at a time as the socket's buffer takes: megabytes by default
_SOCKET_OPTIONS = [
    (socket.SOL_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024),
]


def build(settings: DataApiSettings) -> Flask:
    """The application of these settings; raises what ``find_source`` does."""
    # Arrow's own pools keep what they freed; this process has to live on a very small machine
    pa.set_memory_pool(pa.system_memory_pool())
    source = find_source(settings)
    store = BatchStore.prepare(source, settings.batch_size, settings.data_cache)
    pa.default_memory_pool().release_unused()
    publication = Publication(settings.data_cache, store.digest, store.total, settings.batch_interval_seconds)
    get_logger(__name__).info(
        "batches ready", source=store.source, total_batches=store.total, published=publication.published
    )
    return create_app(store, publication, api_key=settings.data_api_key)


def main(settings: DataApiSettings) -> None:
    """Serve until SIGTERM or SIGINT; exits with status 1 and one clear event when it cannot start."""
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
    # waitress ends its loop at SystemExit; a client whose batch is cut off then asks again
    server.run()
    log.info("data API stopped")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
