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

ANY = {"horizon": "any", "detail": "the reason"}
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


class Service:
    """Answers ``/model-info`` of each horizon with a status; the first horizon is the primary one."""

    def __init__(self, statuses: dict[str, int]) -> None:
        self.statuses = statuses

    def __call__(self, request: httpx.Request) -> httpx.Response:
        horizon = request.url.params.get("horizon", next(iter(self.statuses)))
        return httpx.Response(self.statuses.get(horizon, 404), json={"horizon": horizon, "detail": "the reason"})


def test_the_models_of_all_horizons_begin_with_the_primary():
    models = api(Service({"within_30_days": 200, "any": 200})).models()

    assert list(models.items()) == [("within_30_days", ANY | {"horizon": "within_30_days"}), ("any", ANY)]


def test_a_horizon_without_a_model_is_told_apart_from_one_that_is_not_served():
    assert api(Service({"any": 200, "within_30_days": 503})).models() == {"any": ANY, "within_30_days": None}
    assert api(Service({"any": 200})).models() == {"any": ANY}


def test_without_the_primary_model_there_are_no_models():
    with pytest.raises(ModelNotLoaded, match="the reason"):
        api(Service({"any": 503, "within_30_days": 200})).models()


def test_the_loaded_horizons_are_those_that_the_service_names():
    horizons = [{"horizon": "any", "model_name": "m", "model_version": "3"}]

    assert answering(200, {"status": "ready", "horizons": horizons}).ready_horizons() == horizons


def test_a_reload_asks_for_one_horizon_or_for_all():
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query)
        return httpx.Response(200, json={})

    api(answer).reload_model()
    api(answer).reload_model("within_30_days")

    assert asked == [b"", b"horizon=within_30_days"]
