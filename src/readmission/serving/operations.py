"""The routes of those who run the service: what it is, whether it lives, which model it serves, its metrics."""

import asyncio
import math
from datetime import datetime
from importlib.metadata import version
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from readmission.domain.schema import FEATURE_NAMES
from readmission.serving.auth import AdminKey
from readmission.serving.live_model import LiveModel, ModelSlot
from readmission.serving.metrics import CONTENT_TYPE, Metrics
from readmission.serving.model_follower import ModelFollower
from readmission.serving.openapi import KEYED, DirectRoute, problems
from readmission.serving.request_body import JSON
from readmission.serving.responses import Answer, Calibrated, DataSource, Probability

LINKS = ("/docs", "/openapi.json", "/health", "/ready", "/model-info", "/predict", "/predict_batch", "/metrics")
METRIC_PREFIXES = ("train_", "validation_", "test_")


class RiskBands(Answer):
    """Below ``medium`` the risk is low; from ``high`` on it is high."""

    medium: Probability
    high: Probability


class ModelInfo(Answer):
    """The model that this worker serves."""

    name: str
    version: str
    loaded_at: datetime
    stale: bool = Field(description="True while the registry cannot be asked, or its version cannot be loaded.")
    metrics: dict[str, float] = Field(description="As measured before the promotion.")
    features: list[str]
    data_source: DataSource
    digest: str = Field(description="sha256 of the model file.")
    dataset_digest: str
    target: Literal["any", "within_30_days"]
    threshold: Probability
    risk_bands: RiskBands
    calibrated: Calibrated
    candidate: str
    trained_at: datetime


class Reload(Answer):
    """The version before and after."""

    model_name: str
    previous_version: str | None
    model_version: str


def operations_router(slot: ModelSlot, follower: ModelFollower, admin_key: AdminKey, metrics: Metrics) -> APIRouter:
    """The routes, over the worker's model and the thread that follows the registry."""
    router = APIRouter(route_class=DirectRoute, tags=["operations"])

    @router.get("/", summary="Name, version and links")
    async def root(_: Request) -> Response:
        return _json({"name": "readmission", "version": version("readmission"), "links": LINKS})

    @router.get("/health", summary="The process lives")
    async def health(_: Request) -> Response:
        return _json({"status": "ok"})

    @router.get("/ready", summary="A model is loaded", responses=problems(503))
    async def ready(_: Request) -> Response:
        return _json({"status": "ready", "model_version": slot.current().version.version})

    @router.get(
        "/model-info", summary="The model that is served", responses={200: {"model": ModelInfo}, **problems(503)}
    )
    async def model_info(_: Request) -> Response:
        return _json(describe(slot.current(), stale=slot.stale))

    @router.post(
        "/reload-model",
        summary="Load the version in production now, in all workers",
        responses={200: {"model": Reload}, **problems(401, 403, 404, 502, 503)},
        openapi_extra={"security": KEYED},
    )
    async def reload_model(request: Request) -> Response:
        admin_key.check(request)
        before, after = await asyncio.to_thread(follower.reload)
        previous = before.version.version if before else None
        now = after.version
        return _json({"model_name": now.name, "previous_version": previous, "model_version": now.version})

    @router.get("/metrics", summary="All workers together, for Prometheus", response_class=Response)
    async def prometheus(_: Request) -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    return router


def describe(live: LiveModel, *, stale: bool) -> dict[str, Any]:
    """What is known of a model, by the keys of ``ModelInfo``."""
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
        "target": metadata.target,
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
