import os

import pytest

from readmission.serving.server import bound_mlflow_requests


@pytest.mark.parametrize(("set_by_operator", "seconds"), [({}, "10"), ({"MLFLOW_HTTP_REQUEST_TIMEOUT": "7"}, "7")])
def test_the_server_waits_for_mlflow_as_long_as_the_operator_says_or_ten_seconds(monkeypatch, set_by_operator, seconds):
    monkeypatch.setattr(os, "environ", set_by_operator)

    bound_mlflow_requests()

    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == seconds
