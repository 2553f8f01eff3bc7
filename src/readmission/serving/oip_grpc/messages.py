"""From the protocol's gRPC messages to tensors, and from an answer to its message."""

from collections.abc import Mapping, Sequence
from typing import Any

from open_inference.grpc.protocol import InferParameter, ModelInferRequest, ModelInferResponse

from readmission.errors import InvalidInput
from readmission.prediction.tensors import BYTES, INTEGERS, Tensor
from readmission.serving.open_inference import Inferred

# the field of a tensor's contents for each datatype
_CONTENTS = {kind: "uint_contents" if kind.startswith("U") else "int_contents" for kind in INTEGERS} | {
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}
_PARAMETERS: dict[type, str] = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}


def tensors_of(request: ModelInferRequest) -> list[Tensor]:
    """The tensors of a request, whose data are raw for all of them or for none.

    Raises :class:`InvalidInput` when they are not.
    """
    raw = request.raw_input_contents
    if raw and (len(raw) != len(request.inputs) or any(given.HasField("contents") for given in request.inputs)):
        raise InvalidInput("raw_input_contents must have the data of each input, and then no input has contents")
    return [
        Tensor(given.name, given.datatype, given.shape, raw[position] if raw else _listed(given))
        for position, given in enumerate(request.inputs)
    ]


def answer_of(request: ModelInferRequest, inferred: Inferred) -> ModelInferResponse:
    """The message of an answer, with raw contents."""
    version, rows = inferred.live.version, [inferred.rows]
    outputs = [
        ModelInferResponse.InferOutputTensor(name=output.name, datatype=output.datatype, shape=rows)
        for output in inferred.outputs
    ]
    return ModelInferResponse(
        model_name=version.name,
        model_version=version.version,
        id=request.id,
        parameters=_parameters(inferred.parameters),
        outputs=outputs,
        raw_output_contents=[output.to_bytes() for output in inferred.outputs],
    )


def _listed(given: ModelInferRequest.InferInputTensor) -> Sequence[Any]:
    # a datatype that is not one is refused with the tensor
    field = _CONTENTS.get(given.datatype)
    return list(getattr(given.contents, field)) if field else []


def _parameters(values: Mapping[str, Any]) -> dict[str, InferParameter]:
    return {name: InferParameter(**{_PARAMETERS[type(value)]: value}) for name, value in values.items()}
