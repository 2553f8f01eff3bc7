"""The data API and the inference API answer the same error with the same RFC 9457 problem document."""

from http import HTTPStatus

import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.testclient import TestClient

from readmission import errors
from readmission.data_api.problems import register_problems
from readmission.errors import BatchNotPublished, InvalidInput, MissingSetting, ReadmissionError
from readmission.http_contract import PROBLEM
from readmission.serving.errors import add_error_handlers

OURS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReadmissionError)]
WITH_MEMBERS = {
    BatchNotPublished: BatchNotPublished(3, "2026-11-23T12:10:00+00:00"),
    InvalidInput: InvalidInput("the reason", [{"field": "age", "message": "is required", "allowed": {}}]),
    MissingSetting: MissingSetting("DATA_API_KEY"),
}


def in_flask(error: ReadmissionError):
    app = Flask("errors")
    register_problems(app)

    @app.get("/")
    def fail() -> None:
        raise error

    answer = app.test_client().get("/")
    return answer.status_code, answer.content_type, answer.json


def in_fastapi(error: ReadmissionError):
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/")
    def fail() -> None:
        raise error

    answer = TestClient(app).get("/")
    return answer.status_code, answer.headers["content-type"], answer.json()


def test_both_services_answer_every_error_alike():
    raised = [WITH_MEMBERS.get(kind) or kind("the reason") for kind in OURS]

    answers = {type(error).__name__: (in_flask(error), in_fastapi(error)) for error in raised}

    assert {name: pair for name, pair in answers.items() if pair[0] != pair[1]} == {}


@pytest.mark.parametrize("answer_of", [in_flask, in_fastapi])
def test_an_error_is_a_problem_document_with_its_own_members(answer_of):
    status, media_type, document = answer_of(WITH_MEMBERS[InvalidInput])

    assert (status, media_type) == (422, PROBLEM)
    assert document == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "the reason",
        "errors": [{"field": "age", "message": "is required", "allowed": {}}],
    }
