"""The inference API as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.types import Lifespan

from readmission.adapters.database import InferenceDatabase
from readmission.adapters.registry import ModelRegistry
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.horizon import HorizonName
from readmission.prediction.place import Place
from readmission.serving.auth import AdminKey, ApiKeys
from readmission.serving.errors import add_error_handlers
from readmission.serving.explain import explain_router
from readmission.serving.live_model import ModelSlots
from readmission.serving.metrics import Metrics
from readmission.serving.middleware import RequestMiddleware
from readmission.serving.model_cache import ModelCache
from readmission.serving.model_follower import ModelFollower, Registry, ReloadSignal
from readmission.serving.model_followers import ModelFollowers
from readmission.serving.oip_grpc.server import GrpcServer
from readmission.serving.oip_grpc.service import InferenceService
from readmission.serving.oip_rest.routes import oip_rest_router
from readmission.serving.open_inference import OpenInference
from readmission.serving.openapi import document_request_models
from readmission.serving.operations import operations_router
from readmission.serving.outcomes import outcomes_router
from readmission.serving.predict import Predicting, predict_router
from readmission.serving.predict_batch import predict_batch_router
from readmission.serving.prediction_log import PredictionLog
from readmission.settings import InferenceSettings

FIRST_MODELS_SECONDS = 15
# at a time in each worker; one computes for up to 0.3 s
EXPLANATIONS = 1
# large inferences at a time in each worker, with those that wait for a batch
INFERENCES = 2
TITLE = "Readmission inference API"
DESCRIPTION = (
    "The risk that a diabetic inpatient is readmitted, within thirty days and ever, from raw clinical values."
    " Not a medical device."
)


def create_app(
    settings: InferenceSettings,
    *,
    registries: Mapping[HorizonName, Registry] | None = None,
    database: InferenceDatabase | None = None,
    run_dir: Path | None = None,
    serves_grpc: bool = False,
) -> FastAPI:
    """The application of one worker; registries and prediction log come from the settings unless given.

    ``run_dir`` is the folder in which sibling workers tell each other to reload. ``serves_grpc``: also listen on
    the port of gRPC, which the workers share.
    """
    if database is None and settings.inference_database_url is not None:
        database = InferenceDatabase(settings.require("inference_database_url"))
    metrics, slots = Metrics(), ModelSlots(settings.horizons)
    followers = _followers(settings, registries or _registries(settings), slots, metrics, run_dir)
    keys = ApiKeys(settings.api_keys)
    log = PredictionLog(database, metrics) if database else None
    # one batch at a time: each may need some hundred megabytes
    batches = ThreadPoolExecutor(1, thread_name_prefix="batch")
    predicting = Predicting(slots, keys, metrics, log, settings.max_body_bytes, settings.max_batch_rows)
    inference = _open_inference(settings, predicting, batches)
    routers = (
        predict_router(predicting),
        predict_batch_router(predicting, batches),
        explain_router(predicting, Place(EXPLANATIONS, "explanations")),
        outcomes_router(keys, database),
        oip_rest_router(inference, keys, settings.max_body_bytes),
        operations_router(slots, followers, AdminKey(settings.admin_api_key), metrics),
    )
    return _assemble(
        routers,
        metrics,
        _lifespan(followers, batches, log, _grpc(settings, inference, keys, metrics) if serves_grpc else None),
    )


def _registries(settings: InferenceSettings) -> dict[HorizonName, Registry]:
    uri = settings.mlflow_tracking_uri
    return {horizon: ModelRegistry(uri, name) for horizon, name in settings.registered_models().items()}


def _followers(
    settings: InferenceSettings,
    registries: Mapping[HorizonName, Registry],
    slots: ModelSlots,
    metrics: Metrics,
    run_dir: Path | None,
) -> ModelFollowers:
    trusted = TrustedKeys(settings.gate_public_key)
    return ModelFollowers(
        [
            ModelFollower(
                registries[horizon],
                slots.slot(horizon),
                ModelCache(settings.serving_dir / "models", name),
                metrics,
                trusted=trusted,
                poll_seconds=settings.model_poll_seconds,
                signal=ReloadSignal(run_dir / f"reload-{horizon}" if run_dir else None),
            )
            for horizon, name in settings.registered_models().items()
        ]
    )


def _open_inference(settings: InferenceSettings, predicting: Predicting, batches: Executor) -> OpenInference:
    return OpenInference(
        predicting.slots,
        {name: horizon for horizon, name in settings.registered_models().items()},
        predicting.metrics,
        predicting.log,
        max_rows=predicting.max_batch_rows,
        executor=batches,
        place=Place(INFERENCES, "large inferences"),
    )


def _grpc(settings: InferenceSettings, inference: OpenInference, keys: ApiKeys, metrics: Metrics) -> GrpcServer:
    return GrpcServer(
        InferenceService(inference, keys, metrics),
        host=settings.host,
        port=settings.inference_grpc_port,
        max_body_bytes=settings.max_body_bytes,
    )


def _lifespan(
    followers: ModelFollowers, batches: Executor, log: PredictionLog | None, grpc: GrpcServer | None
) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        followers.start()
        # a new worker beside others takes no request before it has what they have
        await asyncio.to_thread(followers.wait_first_try, FIRST_MODELS_SECONDS)
        if grpc is not None:
            await grpc.start()
        yield
        if grpc is not None:
            await grpc.stop()
        followers.stop()
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
