from datetime import UTC, datetime

import pytest

from readmission.adapters.database import InferenceDatabase
from readmission.adapters.registry import ModelVersion
from readmission.errors import NotFound
from readmission.pipeline.roll_back import roll_back


class FakeRegistry:
    """Two aliases in memory; ``broken`` makes the step back fail as a dead MLflow does."""

    model_name = "diabetes_classifier"

    def __init__(self, production, previous, *, broken=False):
        self.aliases = {"production": production, "previous": previous}
        self.broken = broken

    def production(self):
        return self.aliases["production"]

    def previous(self):
        return self.aliases["previous"]

    def rollback(self):
        if self.broken:
            raise ConnectionError
        self.aliases = {"production": self.aliases["previous"], "previous": None}
        return self.aliases["production"]


@pytest.fixture
def inference(tmp_path):
    with InferenceDatabase(f"sqlite:///{tmp_path}/inference.db") as database:
        database.migrate()
        yield database


def _version(number):
    return ModelVersion("diabetes_classifier", number, f"run-{number}", "digest", datetime.now(UTC), {})


def test_the_previous_version_comes_back_and_the_ledger_says_who_and_why(inference):
    registry = FakeRegistry(_version("8"), _version("7"))

    restored = roll_back("too many alarms on ward 3", "ana", registry=registry, inference=inference)

    (record,) = inference.promotions()
    assert restored.version == "7"
    assert (record.action, record.version, record.previous_version) == ("rollback", "8", "7")
    assert (record.who, record.reason) == ("ana", "too many alarms on ward 3")


@pytest.mark.parametrize(
    ("production", "previous"), [(None, None), (_version("8"), None), (None, _version("7")), (_version("8"),) * 2]
)
def test_without_a_previous_version_nothing_is_written(inference, production, previous):
    with pytest.raises(NotFound, match="no previous version"):
        roll_back("why", "ana", registry=FakeRegistry(production, previous), inference=inference)

    assert inference.promotions() == []


def test_a_rollback_that_was_broken_off_is_completed_without_a_second_row(inference):
    versions = (_version("8"), _version("7"))
    with pytest.raises(ConnectionError):
        roll_back("why", "ana", registry=FakeRegistry(*versions, broken=True), inference=inference)

    restored = roll_back("why", "ana", registry=FakeRegistry(*versions), inference=inference)

    assert restored.version == "7"
    assert len(inference.promotions()) == 1
