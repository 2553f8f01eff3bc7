"""The routes for operators: information, health, readiness, the model that is served, reload and metrics."""

import asyncio
import math
from datetime import datetime
from importlib.metadata import version
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from readmission.domain.horizon import HorizonName
from readmission.domain.schema import FEATURE_NAMES
from readmission.http_contract import JSON
from readmission.serving.auth import AdminKey
from readmission.serving.live_model import LiveModel, ModelSlots
from readmission.serving.metrics import CONTENT_TYPE, Metrics
from readmission.serving.model_followers import ModelFollowers, Reloaded
from readmission.serving.openapi import KEYED, DirectRoute, problems
from readmission.serving.query import asked_horizon, horizon_parameter
from readmission.serving.responses import Answer, Calibrated, DataSource, HorizonField, Probability

LINKS = ("/docs", "/openapi.json", "/health", "/ready", "/model-info", "/predict", "/predict_batch", "/metrics")
METRIC_PREFIXES = ("train_", "validation_", "test_")


class RiskBands(Answer):
    """The limits of the risk bands: low below ``medium``, high from ``high`` on, medium between them."""

    medium: Probability
    high: Probability


class ModelInfo(Answer):
    """The model that this worker serves for one horizon."""

    name: str
    version: str
    loaded_at: datetime
    stale: bool = Field(description="True while the production version is unknown or cannot be loaded.")
    metrics: dict[str, float] = Field(description="Measured before the promotion.")
    features: list[str]
    data_source: DataSource
    digest: str = Field(description="sha256 of the model file.")
    dataset_digest: str
    horizon: HorizonField
    threshold: Probability
    risk_bands: RiskBands
    calibrated: Calibrated
    candidate: str
    trained_at: datetime


class Root(Answer):
    """What runs here, and where its routes are."""

    name: Literal["readmission"]
    version: str
    links: list[str]


class Health(Answer):
    """The process runs."""

    status: Literal["ok"]


class ReadyModel(Answer):
    """A loaded model."""

    horizon: HorizonField
    model_name: str
    model_version: str


class Ready(Answer):
    """The loaded models. ``model_version`` is that of the primary horizon."""

    status: Literal["ready"]
    model_version: str
    horizons: list[ReadyModel]


class ReloadedModel(Answer):
    """The versions of one horizon before and after a reload."""

    horizon: HorizonField
    model_name: str
    previous_version: str | None
    model_version: str


class Reload(Answer):
    """The versions before and after a reload; those at the top are of the horizon asked for, else of the primary."""

    model_name: str
    previous_version: str | None
    model_version: str
    models: list[ReloadedModel]


def operations_router(slots: ModelSlots, followers: ModelFollowers, admin_key: AdminKey, metrics: Metrics) -> APIRouter:
    """The routes for operators. ``followers`` handle ``/reload-model``, which needs ``admin_key``."""
    router = APIRouter(route_class=DirectRoute, tags=["operations"])

    @router.get("/", summary="Name, version and links", responses={200: {"model": Root}})
    async def root(_: Request) -> Response:
        return _json({"name": "readmission", "version": version("readmission"), "links": LINKS})

    @router.get("/health", summary="Liveness: the process runs", responses={200: {"model": Health}})
    async def health(_: Request) -> Response:
        return _json({"status": "ok"})

    @router.get(
        "/ready",
        summary="Readiness: the model of the primary horizon is loaded",
        responses={200: {"model": Ready}, **problems(503)},
    )
    async def ready(_: Request) -> Response:
        loaded = [_loaded(live) for live in slots.current()]
        return _json({"status": "ready", "model_version": loaded[0]["model_version"], "horizons": loaded})

    @router.get(
        "/model-info",
        summary="The model that is served for a horizon",
        responses={200: {"model": ModelInfo}, **problems(400, 404, 503)},
        openapi_extra=horizon_parameter("Without it: the primary horizon."),
    )
    async def model_info(request: Request) -> Response:
        slot = slots.slot(asked_horizon(request))
        return _json(describe(slot.current(), stale=slot.stale))

    @router.post(
        "/reload-model",
        summary="Load the production version now, in all workers",
        responses={200: {"model": Reload}, **problems(400, 401, 403, 404, 502, 503)},
        openapi_extra={"security": KEYED, **horizon_parameter("Without it: every horizon.")},
    )
    async def reload_model(request: Request) -> Response:
        admin_key.check(request)
        asked = asked_horizon(request)
        models = [_versions(reloaded) for reloaded in await asyncio.to_thread(_reload, slots, followers, asked)]
        return _json({name: value for name, value in models[0].items() if name != "horizon"} | {"models": models})

    @router.get(
        "/metrics",
        summary="Metrics of all workers, for Prometheus",
        response_class=Response,
        responses={200: {"content": {CONTENT_TYPE.partition(";")[0]: {"schema": {"type": "string"}}}}},
    )
    async def prometheus(_: Request) -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    return router


def _reload(slots: ModelSlots, followers: ModelFollowers, asked: HorizonName | None) -> list[Reloaded]:
    return [followers.reload(slots.slot(asked).horizon)] if asked else followers.reload_all()


def _loaded(live: LiveModel) -> dict[str, str]:
    return {"horizon": live.horizon, "model_name": live.version.name, "model_version": live.version.version}


def _versions(reloaded: Reloaded) -> dict[str, str | None]:
    return {
        "horizon": reloaded.horizon,
        "model_name": reloaded.after.version.name,
        "previous_version": reloaded.before.version.version if reloaded.before else None,
        "model_version": reloaded.after.version.version,
    }


def describe(live: LiveModel, *, stale: bool) -> dict[str, Any]:
    """Describe a model, with the keys of ``ModelInfo``. ``stale`` is that of the worker's slot."""
    metadata = live.metadata
    return {
        "name": live.version.name,
        "version": live.version.version,
        "loaded_at": live.loaded_at,
        "stale": stale,
        "metrics": _metrics(live.version.tags),
        "features": FEATURE_NAMES,
        "data_source": metadata.data_source,
        "digest": live.version.onnx_digest,
        "dataset_digest": metadata.dataset_digest,
        "horizon": metadata.target,
        "threshold": metadata.threshold,
        "risk_bands": {"medium": metadata.risk_band_medium, "high": metadata.risk_band_high},
        "calibrated": metadata.calibrated,
        "candidate": metadata.candidate,
        "trained_at": metadata.trained_at,
    }


def _metrics(tags: dict[str, str]) -> dict[str, float]:
    measured = {name: value for name, value in tags.items() if name.startswith(METRIC_PREFIXES)}
    return {name: float(value) for name, value in measured.items() if _is_number(value)}


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _json(document: Any) -> Response:
    return Response(to_json(document), media_type=JSON)
