"""The Open Inference Protocol over gRPC: a real server in the application's own event loop, on a small model."""

import grpc
import pytest
from open_inference.grpc.protocol import (
    InferTensorContents,
    ModelInferRequest,
    ModelMetadataRequest,
    ModelReadyRequest,
    ServerLiveRequest,
    ServerMetadataRequest,
    ServerReadyRequest,
)
from open_inference.grpc.service import GRPCInferenceServiceStub
from starlette.testclient import TestClient

from doubles.gate_keys import PUBLIC_KEY
from readmission.domain.schema import COLUMN, INTEGER_KINDS
from readmission.serving.app import create_app
from readmission.serving.encounter import EXAMPLE
from readmission.settings import InferenceSettings

NAME = "diabetes_classifier"


@pytest.fixture
def serve(registry, registry_30d, tmp_path, free_ports):
    """``serve(**settings)``: a stub that is connected to a new application, and its client for HTTP."""
    opened = []

    def serving(database=None, **settings):
        port = free_ports(1)
        chosen = {"gate_public_key": PUBLIC_KEY, "inference_grpc_port": port, "inference_database_url": None}
        app = create_app(
            InferenceSettings(serving_dir=tmp_path, **chosen | settings),
            registries={"any": registry, "within_30_days": registry_30d},
            database=database,
            serves_grpc=True,
        )
        client = TestClient(app).__enter__()
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        opened.extend([channel.close, lambda: client.__exit__(None, None, None)])
        return GRPCInferenceServiceStub(channel), client

    yield serving
    for close in opened:
        close()


@pytest.fixture
def stub(serve):
    return serve()[0]


def listed(name, *values):
    if COLUMN[name].kind in INTEGER_KINDS:
        datatype, contents = "INT64", InferTensorContents(int64_contents=values)
    else:
        datatype, contents = "BYTES", InferTensorContents(bytes_contents=[value.encode() for value in values])
    return ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=[len(values)], contents=contents)


def request_of(*rows, model=NAME, **fields):
    inputs = [listed(name, *(row[name] for row in rows)) for name in rows[0]]
    return ModelInferRequest(model_name=model, inputs=inputs, **fields)


def refusal(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **options)
    return error.value.code().name, error.value.details()


def test_typed_contents_are_read_and_the_answer_names_the_model(stub, registry):
    answer = stub.ModelInfer(request_of(EXAMPLE, EXAMPLE, id="42"))

    assert (answer.model_name, answer.model_version, answer.id) == (NAME, "1", "42")
    assert [(output.name, output.datatype, list(output.shape)) for output in answer.outputs] == [
        ("probability", "FP32", [2]),
        ("prediction", "INT64", [2]),
        ("prediction_id", "BYTES", [2]),
    ]
    assert answer.parameters["digest"].string_param == registry.production().onnx_digest
    assert answer.parameters["threshold"].double_param == 0.5
    assert answer.parameters["calibrated"].bool_param is True


def test_predictions_are_logged_and_calls_are_counted(serve, database, logged):
    stub, client = serve(database)

    stub.ModelInfer(request_of(EXAMPLE))

    assert [(row["source"], row["features"]) for row in logged()] == [("oip_grpc", EXAMPLE)]
    counted = 'readmission_http_requests_total{route="/inference.GRPCInferenceService/ModelInfer",status="200"} 1.0'
    assert counted in client.get("/metrics").text


def test_health_and_metadata(stub):
    assert stub.ServerLive(ServerLiveRequest()).live
    assert stub.ServerReady(ServerReadyRequest()).ready
    assert stub.ServerMetadata(ServerMetadataRequest()).name == "readmission"
    assert stub.ModelReady(ModelReadyRequest(name=NAME)).ready
    assert not stub.ModelReady(ModelReadyRequest(name="other")).ready
    assert not stub.ModelReady(ModelReadyRequest(name=NAME, version="7")).ready
    assert [given.name for given in stub.ModelMetadata(ModelMetadataRequest(name=NAME)).outputs] == [
        "probability",
        "prediction",
        "prediction_id",
    ]
    assert refusal(stub.ModelMetadata, ModelMetadataRequest(name="other"))[0] == "NOT_FOUND"


def test_another_version_is_not_found(stub):
    code, text = refusal(stub.ModelInfer, request_of(EXAMPLE, model_version="7"))

    assert (code, text) == ("NOT_FOUND", f"this version of {NAME} is not served; the live one is 1")


def test_an_inference_needs_the_key_in_the_metadata(serve):
    stub, _ = serve(api_keys="secret")

    assert refusal(stub.ModelInfer, request_of(EXAMPLE))[0] == "UNAUTHENTICATED"
    assert refusal(stub.ModelInfer, request_of(EXAMPLE), metadata=[("x-api-key", "wrong")])[0] == "UNAUTHENTICATED"
    assert stub.ModelInfer(request_of(EXAMPLE), metadata=[("x-api-key", "secret")]).model_version == "1"


def test_a_bad_row_is_an_invalid_argument_that_names_it(stub):
    code, text = refusal(stub.ModelInfer, request_of(EXAMPLE, EXAMPLE | {"time_in_hospital": 99}))

    assert (code, text) == ("INVALID_ARGUMENT", "row 1, time_in_hospital: must be a whole number from 1 to 14")


def test_raw_contents_must_be_those_of_every_input(stub):
    mixed = request_of(EXAMPLE, raw_input_contents=[b""])
    raw = ModelInferRequest(model_name=NAME, raw_input_contents=[b"\xff" * 8])
    raw.inputs.add(name="age", datatype="BYTES", shape=[1])

    assert refusal(stub.ModelInfer, mixed)[0] == "INVALID_ARGUMENT"
    assert refusal(stub.ModelInfer, raw)[0] == "INVALID_ARGUMENT"
    assert refusal(stub.ModelInfer, ModelInferRequest(model_name=NAME))[0] == "INVALID_ARGUMENT"


def test_an_unknown_datatype_or_output_is_an_invalid_argument(stub):
    strange, output = request_of(EXAMPLE), request_of(EXAMPLE)
    strange.inputs[0].datatype = "TEXT"
    output.outputs.add(name="risk")

    assert refusal(stub.ModelInfer, strange)[0] == "INVALID_ARGUMENT"
    assert refusal(stub.ModelInfer, output)[0] == "INVALID_ARGUMENT"


def test_rows_and_bytes_are_bounded(serve):
    stub, _ = serve(max_batch_rows=2, max_body_bytes=10_000)

    assert refusal(stub.ModelInfer, request_of(*[EXAMPLE] * 3))[0] == "INVALID_ARGUMENT"
    assert refusal(stub.ModelInfer, request_of(*[EXAMPLE] * 1000))[0] == "RESOURCE_EXHAUSTED"


def test_an_error_of_ours_that_nobody_expected_says_nothing_of_the_patient(serve, monkeypatch):
    stub, _ = serve()

    def failing(*_):
        raise ValueError("[70-80)")

    monkeypatch.setattr("readmission.serving.open_inference.encode_batch", failing)

    assert refusal(stub.ModelInfer, request_of(EXAMPLE)) == ("INTERNAL", "the server failed; its log says where")


def test_without_a_model_it_is_unavailable(serve, registry):
    registry.withdraw()
    stub, _ = serve()

    assert not stub.ServerReady(ServerReadyRequest()).ready
    assert refusal(stub.ModelInfer, request_of(EXAMPLE))[0] == "UNAVAILABLE"
