"""What OpenAPI says of routes that read their bodies themselves."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from readmission.http_contract import API_KEY_HEADER, CSV, JSON, PARQUET, PROBLEM
from readmission.serving.encounter import Encounter
from readmission.serving.responses import Outcome, Problem

REQUEST_MODELS: tuple[type[BaseModel], ...] = (Encounter, Outcome)
KEYED: list[dict[str, list[str]]] = [{"ApiKey": []}]


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
            "content": {PROBLEM: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}},
        }
        for status in statuses
    }


def json_body(model: str) -> dict[str, Any]:
    """Documentation of a JSON body that is one of ``REQUEST_MODELS``."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": _reference(model)}}}, "security": KEYED}


def batch_body(max_rows: int) -> dict[str, Any]:
    """Documentation of the three forms of a batch."""
    rows = {"type": "array", "minItems": 1, "maxItems": max_rows, "items": _reference("Encounter")}
    table = "; columns of the original data set that no model uses are ignored"
    return {
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": rows},
                CSV: {"schema": {"type": "string", "description": f"UTF-8; empty and ? mean unknown{table}"}},
                PARQUET: {"schema": {"type": "string", "format": "binary", "description": f"null: unknown{table}"}},
            },
        },
        "security": KEYED,
    }


def document_request_models(app: FastAPI) -> None:
    """Add to the application's OpenAPI what FastAPI cannot see."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        models: tuple[type[BaseModel], ...] = (*REQUEST_MODELS, Problem)
        for model in models:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        components["securitySchemes"] = {"ApiKey": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER}}
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _reference(model: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model}"}
