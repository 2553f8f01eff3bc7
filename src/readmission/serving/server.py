"""The inference server: a supervisor process and worker processes. Each worker has its own model in memory."""

import functools
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from readmission.adapters.database import InferenceDatabase
from readmission.adapters.mlflow_requests import limit_requests, show_no_progress
from readmission.errors import DatabaseUnavailable
from readmission.log import configure_logging, get_logger
from readmission.prediction.log.shipper import Shipper
from readmission.serving.connections import BoundedProtocol
from readmission.serving.run_dir import MULTIPROCESS_DIR, run_dir_of, shipper_stats
from readmission.settings import InferenceSettings

DRAIN_SECONDS = 20
# longer than a load balancer keeps a connection, so that the server never closes it first
KEEP_ALIVE_SECONDS = 75
# a hung worker is replaced within 20 s, the start of its successor included
HUNG_WORKER_SECONDS = 12
MIGRATION_RETRY_SECONDS = 10
# how long the shipper waits for a database that hangs
ANSWER_SECONDS = 10

log = get_logger(__name__)


def main(settings: InferenceSettings) -> None:
    """Serve until SIGTERM or SIGINT. The workers then get ``DRAIN_SECONDS`` to finish the requests they have begun."""
    configure_logging(json=settings.log_json)
    bound_mlflow_requests()
    config = server_configuration(settings)
    socket = config.bind_socket()
    _make_run_dir(settings)
    log.info("inference API starts", host=settings.host, port=settings.inference_port, workers=config.workers)
    try:
        with _shipping(settings):
            Multiprocess(config, sockets=[socket]).run()
    finally:
        socket.close()
        shutil.rmtree(run_dir_of(settings), ignore_errors=True)
    log.info("inference API stopped")


@contextmanager
def _shipping(settings: InferenceSettings) -> Iterator[None]:
    """Ship the workers' predictions to the database inside the block, and at its end what they left."""
    if settings.inference_database_url is None:
        yield
        return
    url = settings.require("inference_database_url")
    threading.Thread(target=_migrate, args=(url,), daemon=True).start()
    from readmission.serving.log_metrics import SharedStats

    counts = SharedStats(shipper_stats(run_dir_of(settings)))
    with (
        InferenceDatabase(url, answer_seconds=ANSWER_SECONDS) as database,
        Shipper(settings.prediction_log_folder, database, on_counts=counts.write),
    ):
        yield


def bound_mlflow_requests() -> None:
    """Bound the requests to MLflow of this process and its workers. What the operator set in the environment wins."""
    limit_requests(os.environ, timeout_seconds=10, retries=2)
    show_no_progress(os.environ)


def worker_app(settings: InferenceSettings) -> ASGIApp:
    """The application of one worker process. The worker ends when its supervisor has ended."""
    from readmission.serving.app import create_app

    configure_logging(json=settings.log_json)
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    return create_app(settings, run_dir=run_dir_of(settings), serves_grpc=True)


def server_configuration(settings: InferenceSettings) -> uvicorn.Config:
    """What uvicorn is told: the workers, and the bounds on what a client may hold."""
    return uvicorn.Config(
        functools.partial(worker_app, settings),
        factory=True,
        host=settings.host,
        port=settings.inference_port,
        workers=settings.inference_workers,
        log_config=None,
        access_log=False,
        server_header=False,
        # no answer depends on the caller's address, and a request costs less without what is not used
        proxy_headers=False,
        ws="none",
        http=BoundedProtocol,
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_worker_healthcheck=HUNG_WORKER_SECONDS,
    )


def _make_run_dir(settings: InferenceSettings) -> None:
    """Make the folder empty, and pass the metrics folder to the workers through the environment."""
    run_dir = run_dir_of(settings)
    shutil.rmtree(run_dir, ignore_errors=True)
    metrics = run_dir / "metrics"
    metrics.mkdir(parents=True)
    os.environ[MULTIPROCESS_DIR] = str(metrics)


def _migrate(url: str) -> None:
    """Migrate the prediction log's tables. Retries until the database can be reached."""
    waiting = threading.Event()
    with InferenceDatabase(url) as database:
        while True:
            try:
                database.migrate()
            except DatabaseUnavailable as error:
                log.warning("prediction log not migrated", reason=str(error))
            else:
                log.info("prediction log migrated")
                return
            waiting.wait(MIGRATION_RETRY_SECONDS)


def _end_with_supervisor() -> None:
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
