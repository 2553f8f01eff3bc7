"""The fast path answers what the route answers: status, headers and body."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.domain.example import EXAMPLE
from readmission.errors import ModelNotLoaded
from readmission.prediction.predict import Predictor
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


class Never(Predictor):
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
def predictor() -> Never:
    return Never(parse_encounter, logs=True)


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def route(start: Callable[..., TestClient]) -> TestClient:
    return start(api_keys="right,other")


@pytest.fixture
def fast(route: TestClient, live: LiveModel, predictor: Never, counts: Counts, events: Events) -> TestClient:
    return TestClient(
        FastPath(
            route.app,
            predictor=predictor,
            models=lambda: (live,),
            keys=[b"right", b"other"],
            max_body_bytes=100_000,
            tally=Tally(counts, "/predict"),
            log=events,
        )
    )


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
def test_the_fast_path_answers_what_the_route_answers(route, fast, predictor, asked):
    expected = seen(route, asked)

    found = seen(fast, asked)

    assert found == expected
    assert (found[0], predictor.answers) == (200, 1)


@pytest.mark.parametrize("asked", OTHERS)
def test_everything_else_is_answered_by_the_application(route, fast, predictor, asked):
    expected = seen(route, asked)

    found = seen(fast, asked)

    assert found == expected
    assert predictor.answers == 0


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


def test_what_was_answered_is_counted_once_published(live, counts):
    tally = Tally(counts, "/predict")
    for probability in (0.1, 0.9):
        tally.predicted((live,), [probability], 0.001)

    tally.publish()
    tally.publish()

    assert (counts.predicted, counts.answered) == ([0.1, 0.9], 2)


def test_without_a_model_the_application_says_so(start):
    def no_model() -> tuple[LiveModel, ...]:
        raise ModelNotLoaded("none")

    route = start(ready=False)
    predictor = Never(parse_encounter, logs=False)
    options: dict[str, Any] = {"models": no_model, "keys": [], "max_body_bytes": 100_000}
    fast = TestClient(FastPath(route.app, predictor=predictor, tally=Tally(Counts(), "/predict"), **options))

    fast.request(**request())

    assert predictor.answers == 0
