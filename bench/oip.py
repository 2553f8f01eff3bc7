"""Measures the Open Inference Protocol: the server's CPU time for a request over HTTP (JSON, binary) and over gRPC.

``python bench/oip.py [--candidate lightgbm] [--requests 3000] [--rows 1]``

The server is that of ``bench/serving.py``, with a log. One connection sends one request after the other.
"""

import argparse
import http.client
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import grpc
import numpy as np
from open_inference.grpc.protocol import ModelInferRequest, ModelInferResponse
from serving import Server, encounters, serving, synthetic_frame, trained

from readmission.domain.horizon import HORIZON_NAMES, HORIZONS
from readmission.domain.schema import COLUMN, INTEGER_KINDS
from readmission.prediction.tensors import strings_to_bytes

TRAINING_ROWS = 10_000
VARIED = 500
WARM_UP = 300
NAME = HORIZONS["any"].model_name("diabetes_classifier")
PATH = f"/v2/models/{NAME}/infer"
METHOD = "/inference.GRPCInferenceService/ModelInfer"

Rows = Sequence[Mapping[str, object]]


def tensors_of(rows: Rows) -> list[tuple[dict[str, object], list[object]]]:
    """For each feature that all rows know, its description and its values."""
    tensors = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        if None not in values:
            number = COLUMN[name].kind in INTEGER_KINDS
            described = {"name": name, "shape": [len(rows)], "datatype": "INT64" if number else "BYTES"}
            tensors.append((described, [int(str(value)) if number else value for value in values]))
    return tensors


def raw(described: Mapping[str, object], values: Sequence[object]) -> bytes:
    """The values in the protocol's binary layout."""
    return np.array(values, "<i8").tobytes() if described["datatype"] == "INT64" else strings_to_bytes(values)


def as_json(rows: Rows) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a request in JSON."""
    return json.dumps({"inputs": [tensor | {"data": values} for tensor, values in tensors_of(rows)]}).encode(), {}


def as_binary(rows: Rows) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a request with binary tensors, which asks for binary outputs."""
    parts = [(tensor, raw(tensor, values)) for tensor, values in tensors_of(rows)]
    inputs = [tensor | {"parameters": {"binary_data_size": len(data)}} for tensor, data in parts]
    header = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    body = b"".join([header, *(data for _, data in parts)])
    return body, {"Inference-Header-Content-Length": str(len(header))}


def as_message(rows: Rows) -> bytes:
    """The message of a request with raw contents."""
    request = ModelInferRequest(model_name=NAME)
    for tensor, values in tensors_of(rows):
        request.inputs.add(**tensor)
        request.raw_input_contents.append(raw(tensor, values))
    return request.SerializeToString()


def post(port: int, path: str, requests: Sequence[tuple[bytes, dict[str, str]]]) -> Callable[[int], None]:
    """Sends request number ``n`` and fails unless it is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def send(number: int) -> None:
        body, headers = requests[number % len(requests)]
        connection.request("POST", path, body, {"Content-Type": "application/json"} | headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(text.decode())

    return send


def call(port: int, requests: Sequence[bytes]) -> Callable[[int], None]:
    """Sends request number ``n`` over gRPC."""
    infer = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary(
        METHOD, request_serializer=bytes, response_deserializer=ModelInferResponse.FromString
    )
    return lambda number: infer(requests[number % len(requests)])


def measure(name: str, server: Server, send: Callable[[int], None], count: int) -> None:
    """Print the server's CPU time for a request."""
    for number in range(WARM_UP):
        send(number)
    before = server.cpu_seconds()
    for number in range(count):
        send(number)
    cpu = (server.cpu_seconds() - before) / count
    print(f"{name:<28} {1e6 * cpu:9,.0f} us CPU  {1 / cpu:9,.0f} /s and core", flush=True)


def main() -> None:
    """Read the options, train the candidate and measure each transport."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", default="lightgbm")
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--rows", type=int, default=1)
    options = parser.parse_args()
    frame = synthetic_frame(TRAINING_ROWS, 0)
    models = {horizon: trained(options.candidate, frame, horizon) for horizon in HORIZON_NAMES}
    found = encounters(frame.tail(VARIED))
    batches = (
        [[row] for row in found] if options.rows == 1 else [(found * (options.rows // VARIED + 1))[: options.rows]]
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), models, f"sqlite:///{folder}/inference.db") as server,
    ):
        if options.rows == 1:
            ordinary = [(json.dumps(row).encode(), {}) for row in found]
            measure("/predict", server, post(server.port, "/predict", ordinary), options.requests)
        for name, form in (("HTTP, JSON", as_json), ("HTTP, binary", as_binary)):
            measure(name, server, post(server.port, PATH, [form(rows) for rows in batches]), options.requests)
        messages = [as_message(rows) for rows in batches]
        measure("gRPC, raw contents", server, call(server.grpc_port, messages), options.requests)


if __name__ == "__main__":
    main()
