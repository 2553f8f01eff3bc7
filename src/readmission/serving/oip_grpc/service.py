"""The protocol's gRPC service. Its methods only translate; errors of ours become gRPC's status codes in one place."""

import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import grpc
from open_inference.grpc import protocol
from open_inference.grpc.service import GRPCInferenceServiceServicer

from readmission.errors import InvalidInput, NotFound, ReadmissionError
from readmission.http_contract import API_KEY_HEADER, status_of
from readmission.log import get_logger
from readmission.serving.auth import ApiKeys
from readmission.serving.metrics import Metrics
from readmission.serving.oip_grpc.messages import answer_of, tensors_of
from readmission.serving.open_inference import SERVER_NAME, SERVER_VERSION, OpenInference, metadata

ROUTE = "/inference.GRPCInferenceService/"
CODES = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}

log = get_logger(__name__)
T = TypeVar("T")


class InferenceService(GRPCInferenceServiceServicer):
    """The six methods of the protocol. Only an inference needs a key, in the metadata ``x-api-key``."""

    def __init__(self, models: OpenInference, keys: ApiKeys, metrics: Metrics) -> None:
        self._models = models
        self._keys = keys
        self._metrics = metrics

    async def ServerLive(self, _: Any, __: Any) -> protocol.ServerLiveResponse:  # noqa: N802 - the protocol's name
        """The process is alive."""
        return protocol.ServerLiveResponse(live=True)

    async def ServerReady(self, _: Any, __: Any) -> protocol.ServerReadyResponse:  # noqa: N802
        """The primary model is loaded."""
        return protocol.ServerReadyResponse(ready=self._models.ready())

    async def ServerMetadata(self, _: Any, __: Any) -> protocol.ServerMetadataResponse:  # noqa: N802
        """The server's name and version."""
        # the binary layout is no extension here: every answer has it
        return protocol.ServerMetadataResponse(name=SERVER_NAME, version=SERVER_VERSION)

    async def ModelReady(self, request: Any, _: Any) -> protocol.ModelReadyResponse:  # noqa: N802
        """Whether the model is loaded; one that is unknown is not ready."""
        try:
            ready = self._models.model_ready(request.name, request.version)
        except NotFound:
            ready = False
        return protocol.ModelReadyResponse(ready=ready)

    async def ModelMetadata(self, request: Any, context: Any) -> protocol.ModelMetadataResponse:  # noqa: N802
        """The inputs and outputs of a model."""

        async def described() -> protocol.ModelMetadataResponse:
            return protocol.ModelMetadataResponse(**metadata(self._models.model(request.name, request.version)))

        return await self._answer("ModelMetadata", context, described)

    async def ModelInfer(self, request: Any, context: Any) -> protocol.ModelInferResponse:  # noqa: N802
        """The predictions for the rows of a request."""
        return await self._answer("ModelInfer", context, partial(self._inferred, request, context))

    async def _inferred(self, request: Any, context: Any) -> protocol.ModelInferResponse:
        sent = dict(context.invocation_metadata() or ()).get(API_KEY_HEADER.lower(), "")
        self._keys.check_key(sent if isinstance(sent, str) else "")
        size = request.ByteSize()
        with self._models.held(size) as held:
            return await self._models.run(held, size, partial(self._infer, request))

    def _infer(self, request: Any) -> protocol.ModelInferResponse:
        live = self._models.model(request.model_name, request.model_version)
        asked = [output.name for output in request.outputs]
        return answer_of(request, self._models.infer(live, tensors_of(request), asked, "oip_grpc"))

    async def _answer(self, method: str, context: Any, work: Callable[[], Awaitable[T]]) -> T:
        started, status, text = time.perf_counter(), HTTPStatus.OK, ""
        try:
            return await work()
        except ReadmissionError as error:
            status = HTTPStatus.BAD_REQUEST if isinstance(error, InvalidInput) else status_of(error)
            text = str(error)
        except Exception as error:  # noqa: BLE001 - gRPC would send its text, which may contain a patient's values
            status, text = HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says where"
            event = {"path": ROUTE + method, "error": type(error).__name__, "at": _where(error)}
            log.error("request failed", **event)  # noqa: TRY400
        finally:
            self._metrics.answered(ROUTE + method, int(status), time.perf_counter() - started)
        await context.abort(CODES.get(status, grpc.StatusCode.INTERNAL), text)
        raise AssertionError("abort has raised")


def _where(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
