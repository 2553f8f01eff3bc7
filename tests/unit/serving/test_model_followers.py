import threading
import time

import pytest

from doubles.gate_keys import PUBLIC_KEY
from doubles.registry import FakeRegistry
from readmission.adapters.signatures import TrustedKeys
from readmission.errors import InvalidModel, NotFound, SourceUnavailable
from readmission.serving.live_model import ModelSlots
from readmission.serving.metrics import Metrics
from readmission.serving.model_cache import ModelCache
from readmission.serving.model_follower import ModelFollower, ReloadSignal
from readmission.serving.model_followers import ModelFollowers


class SlowRegistry(FakeRegistry):
    """It answers only when it is let go."""

    def __init__(self, model_name: str) -> None:
        super().__init__(model_name)
        self.let_go = threading.Event()

    def production(self):
        self.let_go.wait(30)
        return super().production()


class Followed:
    """Followers of both horizons with their slots."""

    def __init__(self, registry, registry_30d, folder):
        self.slots = ModelSlots(["any", "within_30_days"])
        registries = {"any": registry, "within_30_days": registry_30d}
        self.followers = ModelFollowers(
            [
                ModelFollower(
                    found,
                    self.slots.slot(horizon),
                    ModelCache(folder, found.model_name),
                    Metrics(),
                    trusted=TrustedKeys(PUBLIC_KEY),
                    poll_seconds=3600,
                    signal=ReloadSignal(folder / f"reload-{horizon}"),
                )
                for horizon, found in registries.items()
            ]
        )

    @property
    def versions(self):
        return {live.horizon: live.version.version for live in self.slots.current()}


@pytest.fixture
def followed(registry, registry_30d, tmp_path):
    return Followed(registry, registry_30d, tmp_path)


def test_all_models_are_followed_at_the_same_time(registry, tmp_path, eventually):
    slow = SlowRegistry("diabetes_classifier_30d")
    followed = Followed(registry, slow, tmp_path)

    followed.followers.start()

    eventually(lambda: followed.slots.slot("any").live is not None)
    assert followed.slots.slot("within_30_days").live is None
    slow.let_go.set()
    followed.followers.stop()


def test_the_wait_for_a_registry_that_hangs_is_bounded_for_all_together(tmp_path):
    slow = [SlowRegistry("diabetes_classifier"), SlowRegistry("diabetes_classifier_30d")]
    followed = Followed(*slow, tmp_path)
    followed.followers.start()
    started = time.monotonic()

    followed.followers.wait_ready(registry_seconds=0, first_model_seconds=0.2)

    assert 0.2 <= time.monotonic() - started < 0.4
    for registry in slow:
        registry.let_go.set()
    followed.followers.stop()


def test_after_the_wait_every_model_is_there(followed):
    followed.followers.start()

    followed.followers.wait_ready(registry_seconds=20, first_model_seconds=20)

    assert followed.versions == {"any": "1", "within_30_days": "1"}
    followed.followers.stop()


def test_a_reload_of_one_horizon_tells_only_its_own_siblings(followed, tmp_path):
    reloaded = followed.followers.reload("within_30_days")

    assert (reloaded.horizon, reloaded.before, reloaded.after.version.version) == ("within_30_days", None, "1")
    assert (tmp_path / "reload-within_30_days").exists()
    assert not (tmp_path / "reload-any").exists()


def test_a_reload_of_all_gives_the_primary_first(followed):
    assert [reloaded.horizon for reloaded in followed.followers.reload_all()] == ["any", "within_30_days"]


def test_only_a_secondary_horizon_may_have_nothing_in_production(followed, registry, registry_30d):
    registry_30d.withdraw()
    assert [reloaded.horizon for reloaded in followed.followers.reload_all()] == ["any"]

    registry.withdraw()
    with pytest.raises(NotFound, match="no version of diabetes_classifier is"):
        followed.followers.reload_all()


@pytest.mark.parametrize(("down", "loaded"), [("any", "within_30_days"), ("within_30_days", "any")])
def test_an_error_of_one_horizon_is_raised_when_the_other_is_loaded(followed, registry, registry_30d, down, loaded):
    {"any": registry, "within_30_days": registry_30d}[down].down = True

    with pytest.raises(SourceUnavailable):
        followed.followers.reload_all()

    assert followed.slots.slot(loaded).live.version.version == "1"


def test_of_two_errors_the_primarys_is_raised(followed, registry, registry_30d):
    registry.publish(b"no model")
    registry_30d.down = True

    with pytest.raises(InvalidModel):
        followed.followers.reload_all()
