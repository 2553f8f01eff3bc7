"""The first task only asks whether the source is there."""

import pytest

from readmission.errors import SourceUnavailable
from readmission.pipeline.check_ec2_status import check_ec2_status


class FakeDataApi:
    def __init__(self, *, up: bool) -> None:
        self._up = up
        self.calls: list[str] = []

    def health(self) -> None:
        self.calls.append("health")
        if not self._up:
            raise SourceUnavailable("the data API does not answer")


def test_a_source_that_answers_is_asked_for_its_health_only():
    api = FakeDataApi(up=True)

    check_ec2_status(data_api=api)

    assert api.calls == ["health"]


def test_a_source_that_is_down_fails_the_task():
    with pytest.raises(SourceUnavailable):
        check_ec2_status(data_api=FakeDataApi(up=False))
