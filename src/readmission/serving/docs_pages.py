"""``/docs`` (Swagger UI) and ``/redoc`` (Redoc): the API's documentation, without a request to any other host.

The two programs come from the package ``fastapi-offline``; the pages and the scripts that start them are in ``pages``.
"""

from importlib.resources import files

from fastapi import APIRouter, Request, Response

from readmission.serving.openapi import DirectRoute

# Redoc shows its maker's logo, from its maker's host
_FOREIGN_LOGO = b'"https://cdn.redoc.ly/redoc/logo-mini.svg"'
_NO_LOGO = b'"data:,"'

_OF_PACKAGE = ("swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js", "favicon.png")
_OF_OURS = ("swagger.js", "redoc.js")
_MEDIA_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css", "png": "image/png"}
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    # both programs write style elements of their own
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
# Redoc searches in a worker that it makes from its own text
_POLICIES = {"swagger": _POLICY, "redoc": _POLICY | {"worker-src": "blob:"}}
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def docs_router() -> APIRouter:
    """The two pages and their files. They are no part of the OpenAPI document, and need no key."""
    router = APIRouter(route_class=DirectRoute, include_in_schema=False)
    for path, name in {"/docs": "swagger", "/redoc": "redoc"}.items():
        policy = "; ".join(f"{directive} {sources}" for directive, sources in _POLICIES[name].items())
        _add(router, path, f"{name}.html", {"Content-Security-Policy": policy})
    for name in (*_OF_PACKAGE, *_OF_OURS):
        _add(router, f"/docs/{name}", name, {"Cache-Control": "max-age=3600"})
    return router


def _add(router: APIRouter, path: str, name: str, headers: dict[str, str]) -> None:
    media_type = _MEDIA_TYPES[name.rpartition(".")[2]]

    async def file(_: Request) -> Response:
        # read when asked for: a worker that nobody asks keeps no megabytes of them
        return Response(_content(name), headers=_HEADERS | headers, media_type=media_type)

    router.add_api_route(path, file, name=name)


def _content(name: str) -> bytes:
    if name not in _OF_PACKAGE:
        return files("readmission.serving").joinpath("pages", name).read_bytes()
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return content.replace(_FOREIGN_LOGO, _NO_LOGO) if name == "redoc.standalone.js" else content
