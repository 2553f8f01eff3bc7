"""The inference API as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from readmission.adapters.database import InferenceDatabase
from readmission.adapters.registry import ModelRegistry
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.horizon import HorizonName
from readmission.log import count_failures
from readmission.prediction.log.spool import Bounds, Spool
from readmission.prediction.patient_reference import PatientReferences
from readmission.prediction.place import Place
from readmission.serving.admission import Admission
from readmission.serving.answering import Answering
from readmission.serving.auth import AdminKey, ApiKeys
from readmission.serving.docs_pages import docs_router
from readmission.serving.encounter import parse_encounter
from readmission.serving.errors import add_error_handlers
from readmission.serving.explain import explain_router
from readmission.serving.fast_path import ROUTE, FastPath
from readmission.serving.live_model import ModelSlots
from readmission.serving.log_metrics import LogCollector, SharedStats
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
from readmission.serving.predict_batch import Batches, predict_batch_router
from readmission.serving.run_dir import shipper_stats
from readmission.serving.tally import Tally
from readmission.settings import InferenceSettings

# how long a caller of /outcomes waits for a database that hangs
ANSWER_SECONDS = 10
# at a time in each worker; one computes for up to 0.3 s
EXPLANATIONS = 1
# large inferences at a time in each worker, with those that wait for a batch
INFERENCES = 2
TITLE = "Readmission inference API"
DESCRIPTION = (
    "The risk that a diabetic inpatient is readmitted, within thirty days and ever, from raw clinical values."
    " Not a medical device."
)


class InferenceApp(FastAPI):
    """A FastAPI application with an ASGI callable before it, which takes every request first."""

    _front: ASGIApp | None = None

    def put_in_front(self, make: Callable[[ASGIApp], ASGIApp]) -> None:
        """``make`` gets the framework and gives the callable that answers, or passes on to the framework."""
        self._front = make(super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or run the lifespan."""
        await (self._front or super().__call__)(scope, receive, send)


def create_app(
    settings: InferenceSettings,
    *,
    registries: Mapping[HorizonName, Registry] | None = None,
    database: InferenceDatabase | None = None,
    run_dir: Path | None = None,
    serves_grpc: bool = False,
) -> InferenceApp:
    """The application of one worker; registries and prediction log come from the settings unless given.

    ``run_dir`` is the folder in which sibling workers tell each other to reload. ``serves_grpc``: also listen on
    the port of gRPC, which the workers share.
    """
    if database is None and settings.inference_database_url is not None:
        database = InferenceDatabase(settings.require("inference_database_url"), answer_seconds=ANSWER_SECONDS)
    metrics, slots = Metrics(), ModelSlots(settings.horizons)
    count_failures(metrics.log_handler_failures.inc)
    followers = _followers(settings, registries or _registries(settings), slots, metrics, run_dir)
    keys, folder = ApiKeys(settings.api_keys), settings.prediction_log_folder
    log = _spool(settings, metrics, run_dir) if database else None
    tally = Tally(metrics, ROUTE)
    metrics.before_scrape(tally.publish)
    references = PatientReferences(settings.patient_reference_key)
    answering = Answering(parse_encounter, slots.current, tally, log=log, references=references)
    batches = Batches()
    predicting = Predicting(slots, keys, metrics, answering, log, settings.max_body_bytes, settings.max_batch_rows)
    inference = _open_inference(settings, predicting, batches)
    routers = (
        predict_router(predicting),
        predict_batch_router(predicting, batches),
        explain_router(predicting, Place(EXPLANATIONS, "explanations")),
        outcomes_router(keys, database, folder),
        oip_rest_router(inference, keys, settings.max_body_bytes),
        operations_router(slots, followers, AdminKey(settings.admin_api_key), metrics),
        docs_router(),
    )
    grpc = _grpc(settings, inference, keys, metrics) if serves_grpc else None
    app = _assemble(routers, metrics, _lifespan(followers, batches, tally, log, grpc))

    def in_front(framework: ASGIApp) -> ASGIApp:
        fast = FastPath(
            framework,
            answering.answer,
            keys=keys.accepted,
            max_body_bytes=predicting.max_encounter_bytes,
            answered=tally.answered,
        )
        return Admission(fast, metrics=metrics, max_wait_seconds=settings.max_wait_seconds)

    app.put_in_front(in_front)
    return app


def _spool(settings: InferenceSettings, metrics: Metrics, run_dir: Path | None) -> Spool:
    folder = settings.prediction_log_folder
    metrics.add(LogCollector(folder, SharedStats(shipper_stats(run_dir)) if run_dir else None))
    bounds = Bounds(
        segment_bytes=settings.prediction_log_segment_bytes,
        segment_seconds=settings.prediction_log_segment_seconds,
        total_bytes=settings.prediction_log_total_bytes,
    )
    return Spool(folder, bounds, on_loss=metrics.log_lost.inc)


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


def _open_inference(settings: InferenceSettings, predicting: Predicting, batches: Batches) -> OpenInference:
    models = {name: horizon for horizon, name in settings.registered_models().items()}
    return OpenInference(predicting, models, batches, Place(INFERENCES, "large inferences"))


def _grpc(settings: InferenceSettings, inference: OpenInference, keys: ApiKeys, metrics: Metrics) -> GrpcServer:
    return GrpcServer(
        InferenceService(inference, keys, metrics),
        host=settings.host,
        port=settings.inference_grpc_port,
        max_body_bytes=settings.max_body_bytes,
    )


def _lifespan(
    followers: ModelFollowers, batches: Batches, tally: Tally, log: Spool | None, grpc: GrpcServer | None
) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        followers.start()
        # a new worker beside others takes no request before it has what they have
        await asyncio.to_thread(followers.wait_ready)
        publishing = asyncio.create_task(tally.keep_publishing())
        with log or nullcontext():
            if grpc is not None:
                await grpc.start()
            yield
            if grpc is not None:
                await grpc.stop()
        publishing.cancel()
        tally.publish()
        followers.stop()
        batches.close()

    return lifespan


def _assemble(routers: Iterable[APIRouter], metrics: Metrics, lifespan: Lifespan[FastAPI]) -> InferenceApp:
    app = InferenceApp(
        title=TITLE,
        version=version("readmission"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # a redirect would repeat the caller's Host header, whatever it says
        redirect_slashes=False,
    )
    for router in routers:
        app.include_router(router)
    add_error_handlers(app)
    document_request_models(app)
    app.add_middleware(RequestMiddleware, metrics=metrics, routes={getattr(route, "path", "") for route in app.routes})
    return app
