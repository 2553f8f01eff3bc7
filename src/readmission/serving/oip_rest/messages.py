"""The bodies of an inference over HTTP: a JSON document, and behind it the binary tensors that it announces."""

from typing import Any, NamedTuple

import msgspec
from pydantic_core import to_json

from readmission.errors import InvalidInput, UnreadableInput
from readmission.prediction.tensors import SHOWN_NAME, Tensor
from readmission.serving.open_inference import Inferred, Output

_BINARY_SIZE = "binary_data_size"
_NOT_SUPPORTED = ("classification", "shared_memory_region")


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = None


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class _Document(msgspec.Struct):
    inputs: list[_Input]
    id: str = ""
    parameters: dict[str, Any] | None = None
    outputs: list[_Output] | None = None


class InferRequest(NamedTuple):
    """A request. ``outputs``: those that were asked for, in order; ``binary``: of the answer's outputs, by name."""

    id: str
    tensors: list[Tensor]
    outputs: list[str]
    binary: dict[str, bool]
    binary_by_default: bool


def read_request(body: bytes, header_length: str | None) -> InferRequest:
    """The request of a body. ``header_length``: the header that says where the JSON ends and binary tensors begin.

    Raises :class:`UnreadableInput` for a body that is not what the protocol says, and :class:`InvalidInput`.
    """
    end = _json_end(body, header_length)
    try:
        document = _decode(body[:end])
    except (msgspec.MsgspecError, RecursionError) as error:
        text = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise UnreadableInput(f"the body is not an inference request: {text}") from None
    outputs = document.outputs or []
    for output in outputs:
        if unsupported := [name for name in _NOT_SUPPORTED if (output.parameters or {}).get(name)]:
            raise InvalidInput(f"the parameter {unsupported[0]} of an output is not supported")
    return InferRequest(
        document.id,
        _tensors(document.inputs, body[end:]),
        [output.name for output in outputs],
        {output.name: (output.parameters or {})["binary_data"] is True for output in outputs if _says(output)},
        (document.parameters or {}).get("binary_data_output") is True,
    )


def write_answer(request: InferRequest, inferred: Inferred) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON when binary tensors follow it."""
    binary = [o for o in inferred.outputs if request.binary.get(o.name, request.binary_by_default)]
    parts = {output.name: output.to_bytes() for output in binary}
    document = {
        "model_name": inferred.live.version.name,
        "model_version": inferred.live.version.version,
        **({"id": request.id} if request.id else {}),
        "parameters": inferred.parameters,
        "outputs": [_described(output, inferred.rows, parts) for output in inferred.outputs],
    }
    header = to_json(document)
    return b"".join([header, *parts.values()]), len(header) if parts else None


def _described(output: Output, rows: int, parts: dict[str, bytes]) -> dict[str, Any]:
    described = {"name": output.name, "datatype": output.datatype, "shape": [rows]}
    if output.name in parts:
        return described | {"parameters": {_BINARY_SIZE: len(parts[output.name])}}
    return described | {"data": output.values}


def _json_end(body: bytes, header_length: str | None) -> int:
    if header_length is None:
        return len(body)
    if not (header_length.isascii() and header_length.isdigit()) or int(header_length[:20]) > len(body):
        raise UnreadableInput(
            "Inference-Header-Content-Length must be the number of bytes of the JSON at the beginning"
        )
    return int(header_length)


def _tensors(inputs: list[_Input], rest: bytes) -> list[Tensor]:
    tensors, position = [], 0
    for given in inputs:
        size = (given.parameters or {}).get(_BINARY_SIZE)
        if (size is None) == (given.data is None):
            raise InvalidInput(f'the tensor "{given.name[:SHOWN_NAME]}" must have either data or {_BINARY_SIZE}')
        if given.data is not None:
            tensors.append(Tensor(given.name, given.datatype, given.shape, given.data))
            continue
        if type(size) is not int or size < 0 or position + size > len(rest):
            raise UnreadableInput(f"{_BINARY_SIZE} of an input is not a number of bytes that the body has")
        tensors.append(Tensor(given.name, given.datatype, given.shape, rest[position : position + size]))
        position += size
    if position != len(rest):
        raise UnreadableInput("the body has more bytes than its inputs announce")
    return tensors


def _says(output: _Output) -> bool:
    return "binary_data" in (output.parameters or {})


_decode = msgspec.json.Decoder(_Document).decode
