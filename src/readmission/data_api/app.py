"""The routes of the data API."""

import hmac
import os
import re
from dataclasses import asdict
from importlib.metadata import version
from typing import IO

from flask import Flask, Response, jsonify, request
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from werkzeug.exceptions import NotAcceptable
from werkzeug.wsgi import wrap_file

from readmission.data_api.batches import BatchStore
from readmission.data_api.metrics import Metrics
from readmission.data_api.problems import register_problems
from readmission.data_api.publication import Publication
from readmission.errors import BatchNotPublished, Forbidden, InvalidParameter, NotFound, Unauthorized
from readmission.http_contract import API_KEY_HEADER, JSON, PARQUET
from readmission.log import get_logger


def create_app(
    store: BatchStore,
    publication: Publication,
    *,
    api_key: SecretStr | None = None,
    read_key: SecretStr | None = None,
) -> Flask:
    """The Flask application of the data API.

    ``/get_data`` and ``/batches`` need ``read_key``; without it they are open. ``/restart_data_generation`` needs
    ``api_key``; without it the route is closed. Neither key opens what the other one opens.
    """
    app = Flask("readmission.data_api", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    metrics = Metrics(CollectorRegistry(), publication)
    metrics.watch(app)
    register_problems(app)

    @app.get("/")
    def root() -> Response:
        links = sorted(rule.rule for rule in app.url_map.iter_rules() if rule.rule != "/")
        return jsonify(name="readmission data API", version=version("readmission"), links=links)

    @app.get("/health")
    def health() -> Response:
        return jsonify(status="ok", source=store.source)

    @app.get("/batches")
    def batches() -> Response:
        _check_read_key(read_key)
        return _manifest(store, publication)

    @app.get("/get_data")
    def get_data() -> Response:
        _check_read_key(read_key)
        batch_number = _batch_number(publication)
        return _batch(store, batch_number, metrics)

    @app.post("/restart_data_generation")
    def restart_data_generation() -> Response:
        _check_admin_key(api_key)
        publication.restart()
        get_logger(__name__).info("publication restarted", total_batches=store.total)
        return _manifest(store, publication)

    @app.get("/metrics")
    def exposition() -> Response:
        return metrics.exposition()

    return app


def _manifest(store: BatchStore, publication: Publication) -> Response:
    published = publication.published
    response = jsonify(
        total_batches=store.total,
        published=published,
        exhausted=published == store.total,
        next_batch_at=publication.published_at(published + 1),
        source=store.source,
        batches=[asdict(batch) for batch in store.batches[:published]],
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _batch_number(publication: Publication) -> int:
    """The published batch that the request names. The default is the newest one."""
    unknown = sorted(set(request.args) - {"batch_number"})
    if unknown:
        raise InvalidParameter("unknown parameter: the only one is batch_number")
    asked = request.args.getlist("batch_number")
    published = publication.published
    if not asked:
        return published
    if len(asked) > 1 or not re.fullmatch("0*[1-9][0-9]*", asked[0], re.ASCII):
        raise InvalidParameter("batch_number must be one whole number of at least 1")
    digits = asked[0].lstrip("0")
    # check the length first: int() refuses numbers of more than 4,300 digits
    if len(digits) > 9 or int(digits) > publication.total:
        raise NotFound(f"there are {publication.total} batches; no batch has this number")
    if int(digits) > published:
        raise BatchNotPublished(int(digits), publication.next_batch_at)
    return int(digits)


def _batch(store: BatchStore, batch_number: int, metrics: Metrics) -> Response:
    media_type = request.accept_mimetypes.best_match([JSON, PARQUET]) if request.accept_mimetypes else JSON
    if media_type is None:
        raise NotAcceptable(f"a batch is {JSON} or {PARQUET}")
    batch = store.batch(batch_number)
    response = Response(content_type=media_type)
    response.set_etag(batch.sha256)
    response.headers["Vary"] = "Accept, Accept-Encoding"
    response.headers["Cache-Control"] = "no-cache"
    if request.if_none_match.contains_weak(batch.sha256):
        response.status_code = 304
        return response
    if media_type == PARQUET:
        _set_file(response, store.open_parquet(batch_number))
    elif request.accept_encodings["gzip"]:
        response.headers["Content-Encoding"] = "gzip"
        _set_file(response, store.open_gzipped_json(batch_number))
    else:
        _set_file(response, store.open_json(batch_number))
    if request.method == "GET":
        metrics.batches.labels(representation="parquet" if media_type == PARQUET else "json").inc()
        get_logger(__name__).info("batch handed out", batch_number=batch_number, rows=batch.rows, media_type=media_type)
    return response


def _set_file(response: Response, file: IO[bytes]) -> None:
    # the server sends the file in pieces, so it is never in memory as a whole, and closes it
    response.content_length = os.fstat(file.fileno()).st_size
    response.response = wrap_file(request.environ, file)
    response.direct_passthrough = True


def _check_read_key(key: SecretStr | None) -> None:
    if key is not None:
        _check_key(key)


def _check_admin_key(key: SecretStr | None) -> None:
    if key is None:
        raise Forbidden("this route is closed: the server has no DATA_API_KEY")
    _check_key(key)


def _check_key(key: SecretStr) -> None:
    given = request.headers.get(API_KEY_HEADER, "")
    if not hmac.compare_digest(given.encode(), key.get_secret_value().encode()):
        raise Unauthorized(f"{API_KEY_HEADER} is missing or wrong")
