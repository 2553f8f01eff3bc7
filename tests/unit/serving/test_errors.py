from httpx import Response

from readmission import errors
from readmission.errors import MissingSetting, ReadmissionError, UnreadableInput
from readmission.http_contract import STATUS, status_of


def test_whatever_is_asked_errors_are_problem_documents(client):
    methods = ["GET", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "NONSENSE"]
    paths = ["/", "/predict", "/nowhere", "/predict/", "//", "/docs/x"]

    answers = {(method, path): client.request(method, path) for method in methods for path in paths}

    errors = {asked: answer for asked, answer in answers.items() if answer.status_code >= 400}
    assert [asked for asked, answer in errors.items() if not _is_a_problem(*asked, answer)] == []


def _is_a_problem(method: str, _path: str, answer: Response) -> bool:
    if answer.headers["content-type"] != "application/problem+json":
        return False
    # an answer to HEAD has no body
    return method == "HEAD" or (
        answer.json()["status"] == answer.status_code and set(answer.json()) >= {"type", "title", "status", "detail"}
    )


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


def test_every_error_of_ours_has_a_status():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReadmissionError)]

    assert [kind for kind in kinds if STATUS.keys().isdisjoint(kind.__mro__)] == []
