"""The inference server: a supervisor process and worker processes. Each worker has its own model in memory."""

import functools
import multiprocessing
import os
import shutil
import signal
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from readmission.adapters.database import InferenceDatabase
from readmission.adapters.mlflow_requests import limit_requests
from readmission.errors import DatabaseUnavailable
from readmission.log import configure_logging, get_logger
from readmission.serving.metrics import MULTIPROCESS_DIR
from readmission.settings import InferenceSettings

DRAIN_SECONDS = 20
# longer than a load balancer keeps a connection, so that the server never closes it first
KEEP_ALIVE_SECONDS = 75
HUNG_WORKER_SECONDS = 30
MIGRATION_RETRY_SECONDS = 10

log = get_logger(__name__)


def main(settings: InferenceSettings) -> None:
    """Serve until SIGTERM or SIGINT. The workers then get ``DRAIN_SECONDS`` to finish the requests they have begun."""
    configure_logging(json=settings.log_json)
    bound_mlflow_requests()
    config = _configuration(settings)
    socket = config.bind_socket()
    _make_run_dir(settings)
    if settings.inference_database_url is not None:
        threading.Thread(target=_migrate, args=(settings.require("inference_database_url"),), daemon=True).start()
    log.info("inference API starts", host=settings.host, port=settings.inference_port, workers=config.workers)
    try:
        Multiprocess(config, sockets=[socket]).run()
    finally:
        socket.close()
        shutil.rmtree(_run_dir(settings), ignore_errors=True)
    log.info("inference API stopped")


def bound_mlflow_requests() -> None:
    """Bound the requests to MLflow of this process and its workers. What the operator set in the environment wins."""
    limit_requests(os.environ, timeout_seconds=10, retries=2)


def worker_app(settings: InferenceSettings) -> FastAPI:
    """The application of one worker process. The worker ends when its supervisor has ended."""
    from readmission.serving.app import create_app

    configure_logging(json=settings.log_json)
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    return create_app(settings, run_dir=_run_dir(settings), serves_grpc=True)


def _configuration(settings: InferenceSettings) -> uvicorn.Config:
    return uvicorn.Config(
        functools.partial(worker_app, settings),
        factory=True,
        host=settings.host,
        port=settings.inference_port,
        workers=settings.inference_workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_worker_healthcheck=HUNG_WORKER_SECONDS,
    )


def _run_dir(settings: InferenceSettings) -> Path:
    """The folder that the workers of one server share. Its name holds the port, so no other server uses it."""
    return settings.serving_dir.absolute() / f"run-{settings.inference_port}"


def _make_run_dir(settings: InferenceSettings) -> None:
    """Make the folder empty, and pass the metrics folder to the workers through the environment."""
    run_dir = _run_dir(settings)
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
