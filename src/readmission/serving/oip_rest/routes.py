"""The protocol's routes under ``/v2``. Errors have its own form, ``{"error": "..."}``, not that of a problem document.

They are not in the OpenAPI document: the protocol has one of its own, and names the routes and bodies of any server.
"""

from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from readmission.errors import InvalidInput, ReadmissionError, UnsupportedMedia
from readmission.http_contract import JSON, status_of
from readmission.serving.auth import ApiKeys
from readmission.serving.errors import HEADERS
from readmission.serving.oip_rest.messages import InferRequest, read_request, write_answer
from readmission.serving.open_inference import (
    SERVER_NAME,
    SERVER_VERSION,
    SMALL_BYTES,
    OpenInference,
    metadata,
)
from readmission.serving.openapi import DirectRoute
from readmission.serving.request_body import read_body

OCTETS = "application/octet-stream"
HEADER_LENGTH = "Inference-Header-Content-Length"


class OipRoute(DirectRoute):
    """A route whose errors have the protocol's form. A request that is refused for its content has the status 400."""

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self.endpoint(Request(scope, receive, send))
        except ReadmissionError as error:
            status = HTTPStatus.BAD_REQUEST if isinstance(error, InvalidInput) else status_of(error)
            response = _json({"error": str(error)}, status)
        await response(scope, receive, send)


def oip_rest_router(models: OpenInference, keys: ApiKeys, max_body_bytes: int) -> APIRouter:
    """The routes. Only an inference needs a key."""
    router = APIRouter(prefix="/v2", route_class=OipRoute, include_in_schema=False)
    inference = _Inference(models, keys, max_body_bytes)

    async def live(_: Request) -> Response:
        return _json({"live": True})

    async def ready(_: Request) -> Response:
        return _ready({}, models.ready())

    async def server(_: Request) -> Response:
        return _json({"name": SERVER_NAME, "version": SERVER_VERSION, "extensions": ["binary_tensor_data"]})

    async def model(request: Request) -> Response:
        return _json(metadata(models.model(**_asked(request))))

    async def model_ready(request: Request) -> Response:
        asked = _asked(request)
        return _ready({"name": asked["name"]}, models.model_ready(**asked))

    router.add_api_route("/health/live", live)
    router.add_api_route("/health/ready", ready)
    router.add_api_route("", server)
    for path in ("/models/{name}", "/models/{name}/versions/{version}"):
        router.add_api_route(path, model)
        router.add_api_route(f"{path}/ready", model_ready)
        router.add_api_route(f"{path}/infer", inference.answer, methods=["POST"])
    return router


class _Inference:
    def __init__(self, models: OpenInference, keys: ApiKeys, max_body_bytes: int) -> None:
        self._models = models
        self._keys = keys
        self._max_body_bytes = max_body_bytes

    async def answer(self, request: Request) -> Response:
        self._keys.check(request)
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMedia("send the body without a content encoding")
        asked = _asked(request)
        # a large body takes its place before it is read
        with self._models.held(_declared(request)) as held:
            body = await read_body(request, self._max_body_bytes)
            header_length = request.headers.get(HEADER_LENGTH)
            work = partial(self._infer, asked, body, header_length)
            answer, length = await self._models.run(held, len(body), work)
        if length is None:
            return Response(answer, media_type=JSON)
        return Response(answer, headers={HEADER_LENGTH: str(length)}, media_type=OCTETS)

    def _infer(self, asked: dict[str, str], body: bytes, header_length: str | None) -> tuple[bytes, int | None]:
        live = self._models.model(**asked)
        request: InferRequest = read_request(body, header_length)
        return write_answer(request, self._models.infer(live, request.tensors, request.outputs, "oip_rest"))


def _asked(request: Request) -> dict[str, str]:
    return dict(request.path_params)


def _declared(request: Request) -> int:
    """The body's size; one that is not declared may be large."""
    declared = request.headers.get("content-length", "")
    return int(declared[:20]) if declared.isascii() and declared.isdigit() else SMALL_BYTES + 1


def _ready(document: dict[str, Any], ready: bool) -> Response:
    return _json(document | {"ready": ready}, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)


def _json(document: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(to_json(document), status, HEADERS.get(status), JSON)
