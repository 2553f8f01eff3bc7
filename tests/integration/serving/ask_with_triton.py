"""Asks a running server over the Open Inference Protocol with ``tritonclient``, in the environment that has it.

It reads a request as JSON from stdin (``http`` and ``grpc``: addresses; ``models``: names; ``encounters``; ``numbers``:
the features that are numbers; ``key``: an API key) and writes by transport and model what the client got.
"""

import json
import sys

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

OUTPUTS = ("probability", "prediction", "prediction_id")


def inputs_of(client, asked, **options):
    inputs = []
    for name in asked["encounters"][0]:
        values = [row[name] for row in asked["encounters"]]
        number = name in asked["numbers"]
        given = client.InferInput(name, [len(values)], "INT64" if number else "BYTES")
        given.set_data_from_numpy(np.array(values, np.int64 if number else np.object_), **options)
        inputs.append(given)
    return inputs


def values_of(result):
    found = {name: result.as_numpy(name).tolist() for name in OUTPUTS}
    # the client gives the strings of a binary tensor as bytes
    names = [name if isinstance(name, str) else name.decode() for name in found["prediction_id"]]
    return found | {"prediction_id": names}


def ask_http(asked, model, binary):
    client = tritonclient.http
    with client.InferenceServerClient(asked["http"]) as server:
        assert server.is_server_live()
        assert server.is_server_ready()
        assert server.is_model_ready(model)
        assert server.get_server_metadata()["name"] == "readmission"
        version = server.get_model_metadata(model)["versions"][0]
        outputs = [client.InferRequestedOutput(name, binary_data=binary) for name in OUTPUTS]
        inputs = inputs_of(client, asked, binary_data=binary)
        headers = {"X-API-Key": asked["key"]}
        # without outputs, the client asks for all of them as binary tensors
        first = server.infer(model, inputs, outputs=None if binary else outputs, headers=headers)
        server.infer(model, inputs, model_version=version, outputs=outputs, headers=headers)
        return values_of(first) | {"refusal": refusal(server.infer, model, inputs[:1], headers=headers)}


def ask_grpc(asked, model):
    client = tritonclient.grpc
    with client.InferenceServerClient(asked["grpc"]) as server:
        assert server.is_server_live()
        assert server.is_server_ready()
        assert server.is_model_ready(model)
        assert not server.is_model_ready(model, "999")
        assert server.get_server_metadata().name == "readmission"
        version = server.get_model_metadata(model).versions[0]
        inputs = inputs_of(client, asked)
        outputs = [client.InferRequestedOutput(name) for name in OUTPUTS]
        headers = {"x-api-key": asked["key"]}
        result = server.infer(model, inputs, model_version=version, outputs=outputs, headers=headers)
        return values_of(result) | {"refusal": refusal(server.infer, model, inputs[:1], headers=headers)}


def refusal(infer, *arguments, **options):
    try:
        infer(*arguments, **options)
    except InferenceServerException as error:
        return error.message()
    raise AssertionError("it was not refused")


def main():
    asked = json.load(sys.stdin)
    answers = {}
    for model in asked["models"]:
        answers[f"JSON {model}"] = ask_http(asked, model, binary=False)
        answers[f"binary {model}"] = ask_http(asked, model, binary=True)
        answers[f"gRPC {model}"] = ask_grpc(asked, model)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
