"""The gRPC server of one worker. All workers listen on the same port, and the system spreads the connections."""

import grpc
from open_inference.grpc.service import add_GRPCInferenceServiceServicer_to_server

from readmission.log import get_logger
from readmission.serving.oip_grpc.service import InferenceService

GRACE_SECONDS = 10
# at a time in each worker; a further one is refused
MAX_CALLS = 256

log = get_logger(__name__)


class GrpcServer:
    """Serves from ``start`` until ``stop``; both belong to one event loop. ``max_body_bytes`` bounds a message."""

    def __init__(self, service: InferenceService, *, host: str, port: int, max_body_bytes: int) -> None:
        self._service = service
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._options = [("grpc.so_reuseport", 1), ("grpc.max_receive_message_length", max_body_bytes)]
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen. If another program has the port, this is logged, and everything else is served without gRPC."""
        server = grpc.aio.server(options=self._options, maximum_concurrent_rpcs=MAX_CALLS)
        add_GRPCInferenceServiceServicer_to_server(self._service, server)  # type: ignore[no-untyped-call]
        try:
            server.add_insecure_port(self._address)
        except RuntimeError as error:
            log.error("gRPC is not served", address=self._address, reason=str(error))  # noqa: TRY400
            return
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Accept no more calls, and give those that have begun ``GRACE_SECONDS``."""
        if self._server is not None:
            await self._server.stop(GRACE_SECONDS)
