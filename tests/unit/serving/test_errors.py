import pytest

from readmission import errors
from readmission.errors import MissingSetting, ReadmissionError, UnreadableInput
from readmission.http_contract import STATUS, status_of


@pytest.mark.parametrize("path", ["/", "/predict", "/nowhere", "/predict/", "//", "/docs/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "NONSENSE"])
def test_whatever_is_asked_errors_are_problem_documents(client, method, path):
    answer = client.request(method, path)

    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.json()["status"] == answer.status_code
        assert set(answer.json()) >= {"type", "title", "status", "detail"}


def test_a_wrong_method_is_told_the_right_one(client):
    answer = client.get("/predict")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_a_missing_key_is_told_where_to_put_it(start):
    answer = start(api_keys="one").post("/predict", json={})

    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers
    assert "X-API-Key" in answer.json()["detail"]


def test_the_nearest_class_gives_the_status():
    assert status_of(UnreadableInput("x")) == 400
    assert status_of(MissingSetting("X")) == 503


@pytest.mark.parametrize("kind", [kind for kind in vars(errors).values() if isinstance(kind, type)], ids=str)
def test_every_error_of_ours_has_a_status(kind):
    if issubclass(kind, ReadmissionError):
        assert any(ancestor in STATUS for ancestor in kind.__mro__)
