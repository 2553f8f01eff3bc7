import json

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from readmission.domain.schema import FEATURE_NAMES
from readmission.serving.encounter import EXAMPLE
from readmission.serving.responses import PREDICTION_EXAMPLE

ROUTES = {
    "/": "get",
    "/health": "get",
    "/ready": "get",
    "/model-info": "get",
    "/metrics": "get",
    "/predict": "post",
    "/predict_batch": "post",
    "/explain": "post",
    "/outcomes": "post",
    "/reload-model": "post",
}


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json()


def test_every_route_is_documented(document):
    assert {path: next(iter(methods)) for path, methods in document["paths"].items()} == ROUTES


def test_an_encounter_is_documented_field_by_field_with_an_example(document):
    encounter = document["components"]["schemas"]["Encounter"]

    assert set(encounter["properties"]) == set(FEATURE_NAMES)
    assert all(field["description"] for field in encounter["properties"].values())
    assert encounter["example"] == EXAMPLE
    assert encounter["additionalProperties"] is False


@pytest.mark.parametrize("name", ["Encounter", "Prediction", "Problem", "Outcome"])
def test_the_main_models_have_an_example(document, name):
    assert document["components"]["schemas"][name]["example"]


def test_the_example_of_a_prediction_has_the_keys_of_a_prediction(client, document):
    answer = client.post("/predict", json=EXAMPLE).json()

    assert set(answer) == set(PREDICTION_EXAMPLE)
    assert set(answer) == set(document["components"]["schemas"]["Prediction"]["properties"])


@pytest.mark.parametrize(
    ("method", "path", "body", "name"),
    [
        ("get", "/model-info", None, "ModelInfo"),
        ("get", "/ready", None, "Ready"),
        ("post", "/predict_batch", [EXAMPLE], "BatchPrediction"),
    ],
)
def test_an_answer_has_the_documented_keys(client, document, method, path, body, name):
    answer = client.request(method, path, json=body).json()

    assert set(answer) == set(document["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize(
    ("path", "body", "keys", "name"),
    [
        ("/predict", EXAMPLE, ["risks", 0], "Risk"),
        ("/predict_batch", [EXAMPLE], ["risks", 0], "HorizonFacts"),
        ("/predict_batch", [EXAMPLE], ["predictions", 0], "BatchScore"),
        ("/predict_batch", [EXAMPLE], ["predictions", 0, "risks", 0], "RowRisk"),
    ],
)
def test_each_part_of_an_answer_has_the_documented_keys(client, document, path, body, keys, name):
    part = client.post(path, json=body).json()

    for key in keys:
        part = part[key]
    assert set(part) == set(document["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize(("path", "method"), [("/model-info", "get"), ("/reload-model", "post")])
def test_the_horizon_is_a_documented_parameter(document, path, method):
    (parameter,) = document["paths"][path][method]["parameters"]

    assert (parameter["name"], parameter["in"]) == ("horizon", "query")
    assert parameter["schema"]["enum"] == ["any", "within_30_days"]


def test_every_reference_leads_somewhere(document):
    schemas = document["components"]["schemas"]
    references = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            references.update([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(document)
    assert references
    assert {reference.removeprefix("#/components/schemas/") for reference in references} <= set(schemas)


def test_the_batch_route_documents_its_three_formats(document):
    content = document["paths"]["/predict_batch"]["post"]["requestBody"]["content"]

    assert set(content) == {"application/json", "text/csv", "application/vnd.apache.parquet"}


def test_the_batch_examples_are_predicted(client, document):
    content = document["paths"]["/predict_batch"]["post"]["requestBody"]["content"]
    examples = {
        "application/json": json.dumps(content["application/json"]["schema"]["example"]),
        "text/csv": content["text/csv"]["example"],
    }

    answers = [
        client.post("/predict_batch", content=body, headers={"Content-Type": media_type}).json()
        for media_type, body in examples.items()
    ]

    assert [(answer["predicted"], answer["refused"]) for answer in answers] == [(1, 0)] * 2


def test_the_document_and_its_defaults_are_valid(document):
    validate(document)


def test_every_example_of_a_model_is_valid_by_its_schema(document):
    schemas = document["components"]["schemas"]
    examples = {name: schema["example"] for name, schema in schemas.items() if "example" in schema}

    for name, example in examples.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        Draft202012Validator(schema).validate(example)
    assert examples.keys() >= {"Encounter", "Outcome", "Prediction", "Problem", "KnownOutcome"}


@pytest.mark.parametrize(("status", "header"), [("401", "WWW-Authenticate"), ("503", "Retry-After")])
def test_a_refusal_documents_the_header_that_it_has(document, status, header):
    operations = [next(iter(methods.values())) for methods in document["paths"].values()]
    refusals = [found["responses"][status] for found in operations if status in found["responses"]]

    assert refusals
    assert [list(refusal["headers"]) for refusal in refusals] == [[header]] * len(refusals)


def test_keys_are_documented_where_they_are_asked_for(document):
    keyed = {path for path, methods in document["paths"].items() if "security" in next(iter(methods.values()))}

    assert keyed == {"/predict", "/predict_batch", "/explain", "/outcomes", "/reload-model"}


def test_the_document_is_the_same_when_asked_twice(client, document):
    assert client.get("/openapi.json").json() == document
