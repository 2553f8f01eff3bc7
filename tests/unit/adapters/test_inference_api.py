"""The client against answers of the documented forms; tests/integration has it against a real server."""

from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from readmission.adapters.inference_api import InferenceApi
from readmission.errors import (
    InvalidInput,
    InvalidModel,
    ModelNotLoaded,
    NotFound,
    SourceUnavailable,
    TooLarge,
    Unauthorized,
)

PROBLEM = {"type": "about:blank", "title": "x", "status": 0, "detail": "the reason"}


def api(answer: Callable[[httpx.Request], httpx.Response], **options: object) -> InferenceApi:
    return InferenceApi("http://inference", transport=httpx.MockTransport(answer), **options)


def answering(status: int, document: object = PROBLEM) -> InferenceApi:
    return api(lambda _: httpx.Response(status, json=document))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidInput),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, NotFound),
        (409, InvalidInput),
        (413, TooLarge),
        (415, InvalidInput),
        (422, InvalidInput),
        (500, SourceUnavailable),
        (502, InvalidModel),
        (503, ModelNotLoaded),
        (504, SourceUnavailable),
    ],
)
def test_each_problem_is_an_error_of_ours_with_its_reason(status, error):
    with pytest.raises(error, match="the reason"):
        answering(status).predict({})


def test_refused_fields_come_with_the_error():
    refused = [{"field": "age", "message": "is required", "allowed": {}}]

    with pytest.raises(InvalidInput) as caught:
        answering(422, PROBLEM | {"errors": refused}).predict({})

    assert caught.value.fields == ("age",)
    assert caught.value.problems == tuple(refused)


@pytest.mark.parametrize(
    "answer", [httpx.Response(502, text="<html>"), httpx.Response(200, text="hello"), httpx.Response(200, json=[])]
)
def test_an_answer_of_something_else_is_told_apart(answer):
    with pytest.raises(SourceUnavailable, match="not an inference API"):
        api(lambda _: answer).model_info()


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
def test_nobody_there_is_source_unavailable(error):
    def failing(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(SourceUnavailable):
        api(failing).health()


@pytest.mark.parametrize("url", ["", "no scheme", "http://", "ftp://x"])
def test_a_url_that_is_none_is_source_unavailable(url):
    with pytest.raises(SourceUnavailable):
        InferenceApi(url).health()


def test_a_503_of_a_reload_speaks_of_the_registry():
    with pytest.raises(SourceUnavailable, match="the reason"):
        answering(503).reload_model()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_ready_says_whether_there_is_a_model(status, ready):
    assert answering(status).ready() is ready


def test_each_route_gets_its_own_key():
    seen = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[request.url.path] = request.headers.get("X-API-Key")
        return httpx.Response(200, json={})

    found = api(answer, api_key=SecretStr("one"), admin_api_key=SecretStr("admin"))
    found.predict({})
    found.predict_batch([])
    found.reload_model()
    found.model_info()

    assert seen == {"/predict": "one", "/predict_batch": "one", "/reload-model": "admin", "/model-info": None}


def test_the_key_is_sent_as_it_is_whatever_it_holds():
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"sent": request.headers["X-API-Key"]})

    assert api(answer, api_key=SecretStr("one,two")).predict({}) == {"sent": "one,two"}


def test_a_key_beyond_ascii_arrives_as_the_server_compares_it():
    def answer(request: httpx.Request) -> httpx.Response:
        sent = dict(request.headers.raw)[b"X-API-Key"]
        return httpx.Response(200, json={"same": sent == "contraseña".encode()})

    assert api(answer, api_key=SecretStr("contraseña")).predict({}) == {"same": True}


def test_without_keys_none_is_sent():
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"sent": "X-API-Key" in request.headers})

    assert api(answer).predict({}) == {"sent": False}


@pytest.mark.parametrize("url", ["http://x:abc", "http://[x]", "http://\0"])
def test_a_url_that_cannot_be_read_is_refused(url):
    with pytest.raises(InvalidInput, match="URL cannot be used"):
        InferenceApi(url)
