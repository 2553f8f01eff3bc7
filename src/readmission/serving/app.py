"""The inference API as one ASGI application."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.types import Lifespan

from readmission.adapters.database import InferenceDatabase
from readmission.adapters.registry import ModelRegistry
from readmission.adapters.signatures import TrustedKeys
from readmission.prediction.place import Place
from readmission.serving.auth import AdminKey, ApiKeys
from readmission.serving.errors import add_error_handlers
from readmission.serving.explain import explain_router
from readmission.serving.live_model import ModelSlot
from readmission.serving.metrics import Metrics
from readmission.serving.middleware import RequestMiddleware
from readmission.serving.model_cache import ModelCache
from readmission.serving.model_follower import ModelFollower, Registry, ReloadSignal
from readmission.serving.openapi import document_request_models
from readmission.serving.operations import operations_router
from readmission.serving.outcomes import outcomes_router
from readmission.serving.predict import Predicting, predict_router
from readmission.serving.predict_batch import predict_batch_router
from readmission.serving.prediction_log import PredictionLog
from readmission.settings import InferenceSettings

FIRST_MODEL_SECONDS = 15
# at a time in each worker; one computes for up to 0.3 s
EXPLANATIONS = 1
TITLE = "Readmission inference API"
DESCRIPTION = "The risk that a diabetic inpatient is readmitted, from raw clinical values. Not a medical device."


def create_app(
    settings: InferenceSettings,
    *,
    registry: Registry | None = None,
    database: InferenceDatabase | None = None,
    reload_signal: Path | None = None,
) -> FastAPI:
    """The application of one worker; registry and prediction log come from the settings unless given.

    ``reload_signal`` is the file by which sibling workers tell each other to reload.
    """
    if database is None and settings.inference_database_url is not None:
        database = InferenceDatabase(settings.require("inference_database_url"))
    metrics, slot = Metrics(), ModelSlot()
    follower = ModelFollower(
        registry or ModelRegistry(settings.mlflow_tracking_uri, settings.model_name),
        slot,
        ModelCache(settings.serving_dir / "models", settings.model_name),
        metrics,
        trusted=TrustedKeys(settings.gate_public_key),
        poll_seconds=settings.model_poll_seconds,
        signal=ReloadSignal(reload_signal),
    )
    keys = ApiKeys(settings.api_keys)
    log = PredictionLog(database, metrics) if database else None
    # one batch at a time: each may need some hundred megabytes
    batches = ThreadPoolExecutor(1, thread_name_prefix="batch")
    predicting = Predicting(slot, keys, metrics, log, settings.max_body_bytes, settings.max_batch_rows)
    routers = (
        predict_router(predicting),
        predict_batch_router(predicting, batches),
        explain_router(predicting, Place(EXPLANATIONS, "explanations")),
        outcomes_router(keys, database),
        operations_router(slot, follower, AdminKey(settings.admin_api_key), metrics),
    )
    return _assemble(routers, metrics, _lifespan(follower, batches, log))


def _lifespan(follower: ModelFollower, batches: Executor, log: PredictionLog | None) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=follower.run, name="model-follower", daemon=True).start()
        # a new worker beside others takes no request before it has what they have
        await asyncio.to_thread(follower.wait_first_try, FIRST_MODEL_SECONDS)
        yield
        follower.stop()
        batches.shutdown(wait=False, cancel_futures=True)
        if log is not None:
            log.close()

    return lifespan


def _assemble(routers: Iterable[APIRouter], metrics: Metrics, lifespan: Lifespan[FastAPI]) -> FastAPI:
    app = FastAPI(title=TITLE, version=version("readmission"), description=DESCRIPTION, lifespan=lifespan)
    for router in routers:
        app.include_router(router)
    # routes are tried one by one: the busiest first
    app.router.routes.sort(key=lambda route: getattr(route, "path", "") != "/predict")
    add_error_handlers(app)
    document_request_models(app)
    app.add_middleware(RequestMiddleware, metrics=metrics, routes={getattr(route, "path", "") for route in app.routes})
    return app
