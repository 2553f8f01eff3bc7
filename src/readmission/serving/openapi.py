"""What OpenAPI says of routes that read their bodies themselves."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from readmission.domain.example import EXAMPLE
from readmission.http_contract import API_KEY_HEADER, CSV, JSON, PARQUET, PROBLEM
from readmission.serving.errors import HEADERS
from readmission.serving.responses import Problem

KEYED: list[dict[str, list[str]]] = [{"ApiKey": []}]


class RequestBody(dict[str, Any]):
    """The ``openapi_extra`` of a route that reads its body itself; ``model`` joins the document's components."""

    def __init__(
        self, model: type[BaseModel], content: dict[str, Any], parameters: Sequence[dict[str, Any]] = ()
    ) -> None:
        super().__init__(requestBody={"required": True, "content": content}, security=KEYED)
        if parameters:
            self["parameters"] = list(parameters)
        self.model = model


class DirectRoute(APIRoute):
    """Calls ``endpoint(request) -> Response`` as it is: no second parse of the body, no solving of dependencies."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documentation of the problem documents that a route may answer."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "headers": {
                name: {"required": True, "schema": {"type": "string"}, "example": value}
                for name, value in HEADERS.get(HTTPStatus(status), {}).items()
            },
            "content": {PROBLEM: {"schema": _reference(Problem)}},
        }
        for status in statuses
    }


def json_body(model: type[BaseModel], parameters: Sequence[dict[str, Any]] = ()) -> RequestBody:
    """Documentation of a JSON body, and of the query parameters of its route."""
    return RequestBody(model, {JSON: {"schema": _reference(model)}}, parameters)


def batch_body(model: type[BaseModel], max_rows: int) -> RequestBody:
    """Documentation of the three forms of a batch of 1 to ``max_rows`` rows."""
    refused = {"description": "Any other value: this row has errors in the answer, the others are predicted."}
    items = {"anyOf": [_reference(model), refused]}
    rows = {"type": "array", "minItems": 1, "maxItems": max_rows, "items": items, "example": [EXAMPLE]}
    table = "; columns of the original data set that no model uses are ignored"
    content = {
        JSON: {"schema": rows},
        CSV: {
            "schema": {"type": "string", "description": f"UTF-8; empty and ? mean left out{table}"},
            "example": "\n".join(",".join(map(str, line)) for line in (EXAMPLE.keys(), EXAMPLE.values())),
        },
        PARQUET: {"schema": {"type": "string", "format": "binary", "description": f"null: left out{table}"}},
    }
    return RequestBody(model, content)


def document_request_models(app: FastAPI) -> None:
    """Add to the application's OpenAPI what FastAPI cannot see."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        models: list[type[BaseModel]] = [*_request_models(app), Problem]
        for model in models:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        components["securitySchemes"] = {"ApiKey": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER}}
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _request_models(app: FastAPI) -> list[type[BaseModel]]:
    extras = [route.openapi_extra for route in app.routes if isinstance(route, APIRoute)]
    return [extra.model for extra in extras if isinstance(extra, RequestBody)]


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
