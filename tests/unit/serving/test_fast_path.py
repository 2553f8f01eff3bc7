"""The fast path answers what the route answers: status, headers and body."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.domain.example import EXAMPLE
from readmission.serving.answering import Answering
from readmission.serving.encounter import parse_encounter
from readmission.serving.fast_path import FastPath
from readmission.serving.live_model import LiveModel
from readmission.serving.tally import Tally

GOOD = json.dumps(EXAMPLE).encode()
KEYS = {"X-API-Key": "right"}
JSON = {"Content-Type": "application/json"}


class Counts:
    """Keeps what the tally publishes."""

    def __init__(self) -> None:
        self.predicted: list[float] = []
        self.answered = 0

    def predicted_many(self, _: object, probabilities: list[float]) -> None:
        self.predicted += probabilities

    def answered_many(self, route: str, status: int, seconds: list[float]) -> None:
        assert (route, status) == ("/predict", 200)
        self.answered += len(seconds)


class Events(list[bytes]):
    """A log in memory."""


class Counting(Answering):
    """Counts what the fast path answered by itself."""

    answers = 0

    def answer(self, *given: Any) -> Any:
        found = super().answer(*given)
        self.answers += 1
        return found


@pytest.fixture
def live(model_file: Callable[..., bytes]) -> LiveModel:
    version = ModelVersion("diabetes_classifier", "1", "run", "0" * 64, datetime.now(UTC), {})
    return LiveModel(version, OnnxModel.from_bytes(model_file()), datetime.now(UTC))


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def tally(counts: Counts) -> Tally:
    return Tally(counts, "/predict")


@pytest.fixture
def answering(live: LiveModel, tally: Tally, events: Events) -> Counting:
    return Counting(parse_encounter, lambda: (live,), tally, log=events)


@pytest.fixture
def framework(start: Callable[..., TestClient]) -> ASGIApp:
    """The application without its fast path."""
    app = start(api_keys="right,other").app
    return partial(FastAPI.__call__, app)


@pytest.fixture
def route(framework: ASGIApp) -> TestClient:
    return TestClient(framework)


@pytest.fixture
def fast(framework: ASGIApp, answering: Counting, tally: Tally) -> TestClient:
    keys = [b"right", b"other"]
    return TestClient(FastPath(framework, answering.answer, keys=keys, max_body_bytes=100_000, answered=tally.answered))


def request(content: bytes = GOOD, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return {"method": "POST", "url": "/predict", "content": content, "headers": KEYS | (headers or {})} | more


def with_(**change: object) -> bytes:
    return json.dumps(EXAMPLE | change).encode()


ORDINARY = [
    request(),
    request(headers=JSON),
    request(headers={"Content-Type": "application/json; charset=utf-8"}),
    request(headers={"X-API-Key": "other"}),
    request(with_(race=None, diag_1=None)),
    request(with_(time_in_hospital=3.0, admission_type_id=1.0)),
    request(with_(diag_1="E885", glyburide_metformin="Up")),
    request(json.dumps(EXAMPLE, indent=1).encode()),
    request(url="/predict?x=1"),
    request(with_(**{"glyburide-metformin": "Steady"})),
]
OTHERS = [
    request(headers={"X-API-Key": "wrong"}),
    request(headers={"X-API-Key": ""}),
    request(headers={"Content-Type": "text/plain"}),
    request(headers={"Content-Type": "application/json; charset=latin-1"}),
    request(headers={"Content-Type": "APPLICATION/JSON"}),
    request(headers={"Content-Encoding": "gzip"}),
    request(headers={"Content-Encoding": "identity"}),
    request(b""),
    request(b"{"),
    request(b"null"),
    request(b"[]"),
    request(b"{}"),
    request(b"\xff"),
    request(b"\xef\xbb\xbf" + GOOD),
    request(GOOD + b" x"),
    request(b" " * 100_001),
    request(GOOD[:-1] + b', "race": "Asian"}'),
    request(with_(race="Martian")),
    request(with_(time_in_hospital=3.5)),
    request(with_(time_in_hospital=True)),
    request(with_(time_in_hospital=99)),
    request(with_(time_in_hospital=None)),
    request(with_(age=None)),
    request(with_(diag_1="nonsense")),
    request(with_(discharge_disposition_id=11)),
    request(with_(discharge_disposition_id=99)),
    request(with_(diabetesMed="No")),
    request(with_(nonsense=1)),
    request(with_(change="Ch", change_medication="Ch")),
    request(method="GET"),
    request(method="PUT"),
    request(method="HEAD"),
    request(url="/predict/", follow_redirects=False),
    request(url="/nothing"),
    request(method="GET", url="/health"),
]


def seen(client: TestClient, asked: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body, without the id of a prediction; of the risks, the route has only the first one."""
    answer = client.request(**asked)
    headers = dict(answer.headers)
    if answer.status_code != 200:
        return answer.status_code, headers, answer.content
    body = answer.json()
    body.pop("prediction_id", None)
    body.pop("risks", None)
    headers.pop("content-length")
    return answer.status_code, headers, body


@pytest.mark.parametrize("asked", ORDINARY)
def test_the_fast_path_answers_what_the_route_answers(route, fast, answering, asked):
    expected = seen(route, asked)

    found = seen(fast, asked)

    assert found == expected
    assert (found[0], answering.answers) == (200, 1)


@pytest.mark.parametrize("asked", OTHERS)
def test_everything_else_is_answered_by_the_application(route, fast, answering, asked):
    expected = seen(route, asked)

    found = seen(fast, asked)

    assert found == expected
    assert answering.answers == 0


def test_a_body_that_is_too_large_by_its_head_is_not_waited_for():
    passed = []

    async def application(scope: Scope, _: Receive, __: Send) -> None:
        passed.append(scope["path"])

    async def never() -> Message:
        raise AssertionError("the body is read")

    async def send(_: Message) -> None:
        raise AssertionError("the fast path answers")

    fast = FastPath(application, lambda *_: b"", keys=(), max_body_bytes=100, answered=lambda _: None)
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [(b"content-length", b"101")]}

    asyncio.run(fast(scope, never, send))

    assert passed == ["/predict"]


def test_the_risks_name_the_model_of_each_horizon(fast):
    answer = fast.request(**request()).json()

    (risk,) = answer["risks"]
    shared = ("probability", "prediction", "risk_band", "threshold", "calibrated", "data_source", "model_name")
    assert risk == {"horizon": "any", "model_version": "1"} | {name: answer[name] for name in shared}


def test_each_answer_is_logged_before_it_goes_out(fast, events):
    answer = fast.request(**request(with_(race=None))).json()

    event = json.loads(events[0])
    assert event.pop("created_at") > "2026"
    assert event == {
        **{name: answer[name] for name in ("prediction_id", "probability", "prediction", "threshold", "risks")},
        "model_name": "diabetes_classifier",
        "model_version": "1",
        "source": "predict",
        "features": {name: value for name, value in EXAMPLE.items() if name != "race"},
    }


def test_an_event_is_one_line(fast, events):
    fast.request(**request(json.dumps(EXAMPLE, indent=1).encode()))

    assert b"\n" not in events[0]


def test_what_was_answered_is_counted_once_published(live, tally, counts):
    for probability in (0.1, 0.9):
        tally.predicted((live,), [probability])
        tally.answered(0.001)

    tally.publish()
    tally.publish()

    assert (counts.predicted, counts.answered) == ([0.1, 0.9], 2)


@pytest.mark.parametrize(("body", "status"), [(GOOD, 503), (b"{}", 422)])
def test_without_a_model_the_application_says_so_after_what_is_wrong_with_the_body(start, registry, body, status):
    registry.withdraw()

    answer = start(ready=False).request(**request(body))

    assert answer.status_code == status
