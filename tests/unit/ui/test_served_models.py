from threading import Event

import pytest

from readmission.errors import ModelNotLoaded, SourceUnavailable
from readmission.ui.served_models import FRESH_SECONDS, KEPT_SECONDS, ServedModels


class Service:
    """An inference service whose answer can be changed, and which can hang. It counts the requests."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = 0
        self.answers = Event()
        self.answers.set()

    def models(self):
        self.requests += 1
        self.answers.wait(30)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    """A clock that the test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def service():
    service = Service({"any": "version 1"})
    yield service
    service.answers.set()


@pytest.fixture
def served(service, clock):
    return ServedModels(service.models, patience=30, clock=clock)


def test_many_calls_make_one_request(service, served):
    answers = [served.models() for _ in range(100)]

    assert answers == [{"any": "version 1"}] * 100
    assert service.requests == 1


def test_a_failure_is_remembered_and_not_asked_for_again(service, served):
    service.answer = ModelNotLoaded("none")

    for _ in range(100):
        with pytest.raises(ModelNotLoaded):
            served.models()

    assert service.requests == 1


def _until(served, expected):
    """Call until the request in the background has ended."""
    return any(served.models() == expected for _ in range(1_000_000))


def test_after_some_seconds_the_service_is_asked_again(service, served, clock):
    served.models()
    service.answer, clock.now = {"any": "version 2"}, FRESH_SECONDS

    assert _until(served, {"any": "version 2"})
    assert service.requests == 2


def test_a_service_that_hangs_is_not_waited_for_while_an_answer_is_known(service, served, clock):
    served.models()
    service.answers.clear()
    clock.now = FRESH_SECONDS

    assert [served.models() for _ in range(100)] == [{"any": "version 1"}] * 100


def test_an_old_answer_is_not_shown_as_the_present_one(service, served, clock):
    served.models()
    service.answer, clock.now = {"any": "version 2"}, KEPT_SECONDS

    assert served.models() == {"any": "version 2"}


def test_a_service_that_hangs_from_the_start_is_asked_once(service, clock):
    served = ServedModels(service.models, patience=0.01, clock=clock)
    service.answers.clear()

    for _ in range(10):
        with pytest.raises(SourceUnavailable):
            served.models()

    assert service.requests == 1
