import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.gate_keys import PUBLIC_KEY, SIGNER, STRANGER
from doubles.registry import FakeRegistry
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.statement import PROMOTED, REJECTED
from readmission.errors import InvalidModel, ModelNotLoaded, NotFound, SourceUnavailable, Unauthorized, UntrustedModel
from readmission.serving.live_model import ModelSlot
from readmission.serving.metrics import Metrics
from readmission.serving.model_cache import ModelCache
from readmission.serving.model_follower import ModelFollower, ReloadSignal


class Clock:
    """A clock that is set by hand; the follower never waits on it in these tests."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """A follower with its slot."""

    def __init__(
        self,
        registry: object,
        folder: Path,
        clock: Callable[[], float],
        poll_seconds: float = 30,
        keys: str | None = PUBLIC_KEY,
    ) -> None:
        self.slot = ModelSlot("any")
        self.metrics = Metrics()
        self.follower = ModelFollower(
            registry,
            self.slot,
            ModelCache(folder, "diabetes_classifier"),
            self.metrics,
            trusted=TrustedKeys(keys),
            poll_seconds=poll_seconds,
            signal=ReloadSignal(folder / "reload"),
            clock=clock,
        )

    @property
    def version(self) -> str | None:
        return self.slot.live.version.version if self.slot.live else None

    def reloads(self, result: str) -> float:
        series = f'readmission_model_reloads_total{{horizon="any",result="{result}"}} '
        lines = self.metrics.exposition().decode().splitlines()
        return sum(float(line.removeprefix(series)) for line in lines if line.startswith(series))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(registry, tmp_path, clock) -> Worker:
    return Worker(registry, tmp_path, clock)


def test_the_version_in_production_is_loaded(worker):
    worker.follower.follow()

    assert worker.version == "1"
    assert not worker.slot.stale


def test_another_version_in_production_is_followed(worker, registry, model_file):
    worker.follower.follow()
    registry.publish(model_file(1.0))

    worker.follower.follow()

    assert worker.version == "2"


def test_an_unchanged_version_is_not_loaded_again(worker, registry):
    worker.follower.follow()
    before = worker.slot.live

    worker.follower.follow()

    assert worker.slot.live is before
    assert registry.downloads == ["1"]


@pytest.mark.parametrize(
    "bad",
    [{"scale": float("nan")}, {"scale": 2.0}, {"encoding_digest": "other"}, {"horizon": "within_30_days"}, None],
    ids=str,
)
def test_a_bad_version_leaves_the_old_one_serving(worker, registry, model_file, bad):
    worker.follower.follow()
    registry.publish(model_file(**bad) if bad else b"no model")

    worker.follower.follow()

    assert worker.version == "1"
    assert worker.slot.stale
    assert worker.reloads("invalid") == 1


def test_a_bad_version_is_tried_again_ever_more_seldom(worker, registry, clock):
    registry.publish(b"no model")
    tried_at = []

    for second in range(0, 1000, 10):
        clock.now = float(second)
        before = len(registry.downloads)
        worker.follower.follow()
        tried_at += [second] * (len(registry.downloads) - before)

    assert tried_at == [0, 60, 180, 420, 900]


def test_a_good_version_after_a_bad_one_is_followed_at_once(worker, registry, model_file):
    registry.publish(b"no model")
    worker.follower.follow()
    registry.publish(model_file())

    worker.follower.follow()

    assert worker.version == "3"


def test_a_registry_that_is_down_leaves_the_model_serving_and_marks_it(worker, registry):
    worker.follower.follow()
    registry.down = True

    worker.follower.follow()

    assert worker.version == "1"
    assert worker.slot.stale
    assert worker.reloads("unavailable") == 1


class ClosedRegistry(FakeRegistry):
    """An MLflow that refuses the inference API's account."""

    def production(self):
        raise Unauthorized("MLflow refuses this account")


@pytest.fixture
def shut_out(tmp_path):
    """A worker whose account MLflow refuses."""
    return Worker(ClosedRegistry(), tmp_path, Clock())


def test_a_registry_that_refuses_the_account_counts_as_unavailable(shut_out):
    shut_out.follower.follow()

    assert shut_out.slot.stale
    assert shut_out.reloads("unavailable") == 1


def test_a_reload_does_not_blame_the_callers_key_for_the_registrys_refusal(shut_out):
    with pytest.raises(SourceUnavailable, match="MLflow refuses this account"):
        shut_out.follower.reload()


def test_a_registry_that_is_back_takes_the_mark_away(worker, registry):
    worker.follower.follow()
    registry.down = True
    worker.follower.follow()
    registry.down = False

    worker.follower.follow()

    assert not worker.slot.stale


def test_a_start_without_the_registry_serves_the_last_good_model_as_stale(worker, registry, tmp_path, clock):
    worker.follower.follow()
    registry.down = True
    restarted = Worker(registry, tmp_path, clock)

    restarted.follower.follow()

    assert restarted.version == "1"
    assert restarted.slot.stale


def test_a_start_with_a_bad_version_in_production_serves_the_last_good_model(worker, registry, tmp_path, clock):
    worker.follower.follow()
    registry.publish(b"no model")
    restarted = Worker(registry, tmp_path, clock)

    restarted.follower.follow()

    assert restarted.version == "1"
    assert restarted.slot.stale


def test_a_model_that_was_withdrawn_does_not_come_back_at_a_restart(worker, registry, tmp_path, clock):
    worker.follower.follow()
    registry.withdraw()
    restarted = Worker(registry, tmp_path, clock)

    restarted.follower.follow()

    assert restarted.version is None


def test_a_restart_takes_the_model_file_from_disk(worker, registry, tmp_path, clock):
    worker.follower.follow()

    Worker(registry, tmp_path, clock).follower.follow()

    assert registry.downloads == ["1"]


def test_an_error_that_nobody_foresaw_does_not_end_the_thread(worker, registry, monkeypatch):
    worker.follower.follow()
    monkeypatch.setattr(registry, "production", lambda: 1 / 0)

    worker.follower.follow()

    assert worker.version == "1"
    assert worker.slot.stale


def test_reload_tells_the_version_before_and_after(worker, registry, model_file):
    worker.follower.follow()
    registry.publish(model_file(1.0))

    before, after = worker.follower.reload()

    assert (before.version.version, after.version.version) == ("1", "2")


def test_a_version_that_predicts_another_horizon_is_refused_and_said_so(registry, tmp_path, clock, model_file):
    registry.publish(model_file(horizon="within_30_days"))
    worker = Worker(registry, tmp_path, clock)

    worker.follower.follow()

    with pytest.raises(ModelNotLoaded, match="version 2 cannot be served: it predicts within_30_days, not any"):
        worker.slot.current()


def test_a_cached_version_that_predicts_another_horizon_is_not_served(registry, tmp_path, clock, model_file):
    version = registry.publish(model_file(horizon="within_30_days"))
    ModelCache(tmp_path, "diabetes_classifier").remember(version, registry.files[version.run_id])
    registry.down = True
    restarted = Worker(registry, tmp_path, clock)

    restarted.follower.follow()

    assert restarted.version is None


def test_reload_tries_a_bad_version_again_at_once(worker, registry):
    registry.publish(b"no model")
    worker.follower.follow()

    with pytest.raises(InvalidModel):
        worker.follower.reload()

    assert registry.downloads == ["2", "2"]


def test_reload_says_why_it_cannot(worker, registry):
    registry.withdraw()
    with pytest.raises(NotFound):
        worker.follower.reload()

    registry.down = True
    with pytest.raises(SourceUnavailable):
        worker.follower.reload()


def test_a_reload_reaches_the_siblings(registry, tmp_path, model_file, eventually):
    one, other = (
        Worker(registry, tmp_path, time.monotonic),
        Worker(registry, tmp_path, time.monotonic, poll_seconds=3600),
    )
    thread = threading.Thread(target=other.follower.run)
    thread.start()
    eventually(lambda: other.version == "1")
    registry.publish(model_file(1.0))

    one.follower.reload()

    eventually(lambda: other.version == "2")
    other.follower.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_without_a_model_the_registry_is_asked_again_soon(registry, tmp_path, eventually):
    registry.down = True
    waiting = Worker(registry, tmp_path, time.monotonic, poll_seconds=3600)
    thread = threading.Thread(target=waiting.follower.run)
    thread.start()
    eventually(lambda: waiting.reloads("unavailable") >= 1)

    registry.down = False

    eventually(lambda: waiting.version == "1")
    waiting.follower.stop()
    thread.join(5)


def test_a_registry_that_did_not_answer_once_is_asked_again_soon(registry, tmp_path, model_file, eventually):
    worker = Worker(registry, tmp_path, time.monotonic, poll_seconds=3600)
    thread = threading.Thread(target=worker.follower.run)
    thread.start()
    eventually(lambda: worker.version == "1")
    registry.publish(model_file(1.0))
    registry.down = True
    ReloadSignal(tmp_path / "reload").raise_for_siblings()
    eventually(lambda: worker.slot.stale)

    registry.down = False

    eventually(lambda: worker.version == "2")
    worker.follower.stop()
    thread.join(5)


def test_only_the_model_that_is_served_counts_in_the_metrics(worker, registry, model_file):
    worker.follower.follow()
    registry.publish(model_file(1.0))

    worker.follower.follow()

    lines = worker.metrics.exposition().decode().splitlines()
    served = {line[-3:] for line in lines if line.startswith("readmission_model_info") and 'model_version="2"' in line}
    gone = {line[-3:] for line in lines if line.startswith("readmission_model_info") and 'model_version="1"' in line}
    assert (served, gone) == ({"1.0"}, {"0.0"})


def exchange(registry, **tags):
    """Register a hostile version with these tags, and give it the alias, as anybody who can write to MLflow can."""
    version = registry.register("a stranger's run", b"any file", tags)
    registry.promote(version)
    return version


def unsigned(registry):
    exchange(registry)


def with_the_signature_of_a_good_version(registry):
    exchange(registry, **registry.version("1").tags)


def with_a_signature_by_a_strangers_key(registry):
    version = exchange(registry)
    registry.tag(version, STRANGER.sign(version, PROMOTED))


def with_a_signature_of_no_form(registry):
    exchange(registry, signed_decision=PROMOTED, signature="ñ")


def rejected_by_the_gate(registry):
    version = exchange(registry)
    registry.tag(version, SIGNER.sign(version, REJECTED))


def rejected_by_the_gate_and_called_promoted(registry):
    rejected_by_the_gate(registry)
    registry.tag(registry.production(), {"signed_decision": PROMOTED})


UNTRUSTED = [
    unsigned,
    with_the_signature_of_a_good_version,
    with_a_signature_by_a_strangers_key,
    with_a_signature_of_no_form,
    rejected_by_the_gate,
    rejected_by_the_gate_and_called_promoted,
]


@pytest.mark.parametrize("attack", UNTRUSTED, ids=lambda attack: attack.__name__)
def test_a_version_that_is_not_signed_as_promoted_leaves_the_old_one_serving(worker, registry, attack):
    worker.follower.follow()

    attack(registry)
    worker.follower.follow()

    assert worker.version == "1"
    assert worker.slot.stale
    assert worker.reloads("untrusted") == 1
    assert registry.downloads == ["1"]


def test_a_reload_of_a_version_that_is_not_signed_says_so(worker, registry):
    unsigned(registry)

    with pytest.raises(UntrustedModel, match="version 2 is not signed"):
        worker.follower.reload()


def test_a_version_that_a_person_signs_is_loaded_at_the_next_poll(worker, registry, model_file):
    version = registry.register("a run", model_file(1.0), {})
    registry.promote(version)
    worker.follower.follow()
    registry.tag(version, SIGNER.sign(version, PROMOTED))

    worker.follower.follow()

    assert worker.version == "2"
    assert not worker.slot.stale


def test_an_older_promoted_version_that_is_set_by_hand_is_loaded(worker, registry, model_file):
    registry.publish(model_file(1.0))
    worker.follower.follow()
    registry.promote(registry.version("1"))

    worker.follower.follow()

    assert worker.version == "1"


def test_a_restart_with_an_unsigned_version_in_production_serves_the_last_good_model(worker, registry, tmp_path, clock):
    worker.follower.follow()
    unsigned(registry)
    restarted = Worker(registry, tmp_path, clock)

    restarted.follower.follow()

    assert restarted.version == "1"
    assert restarted.slot.stale


def test_a_new_signature_of_the_live_version_is_cached_for_a_restart_without_the_registry(registry, tmp_path, clock):
    both_keys = Worker(registry, tmp_path, clock, keys=f"{PUBLIC_KEY},{STRANGER.public_key}")
    both_keys.follower.follow()
    registry.tag(registry.production(), STRANGER.sign(registry.production(), PROMOTED))
    both_keys.follower.follow()
    registry.down = True
    restarted = Worker(registry, tmp_path, clock, keys=STRANGER.public_key)

    restarted.follower.follow()

    assert restarted.version == "1"
    assert registry.downloads == ["1"]


def test_a_cached_model_without_a_signature_is_not_served(registry, tmp_path, clock, model_file):
    version = registry.register("a run", model_file(), {})
    ModelCache(tmp_path, "diabetes_classifier").remember(version, model_file())
    registry.down = True
    restarted = Worker(registry, tmp_path, clock)

    restarted.follower.follow()

    assert restarted.version is None


def test_a_signed_version_of_another_model_is_not_served(registry, tmp_path, clock, model_file):
    other = FakeRegistry("diabetes_classifier_30d").publish(model_file())
    ModelCache(tmp_path, "diabetes_classifier").remember(other, model_file())
    registry.down = True
    restarted = Worker(registry, tmp_path, clock)

    restarted.follower.follow()

    assert restarted.version is None


def test_without_a_public_key_no_model_is_loaded_and_the_setting_is_named(registry, tmp_path, clock):
    worker = Worker(registry, tmp_path, clock, keys=None)

    worker.follower.follow()

    with pytest.raises(ModelNotLoaded, match="GATE_PUBLIC_KEY is not set"):
        worker.slot.current()


def test_a_server_without_a_model_says_why_it_refused_the_one_in_production(registry, tmp_path, clock):
    unsigned(registry)
    worker = Worker(registry, tmp_path, clock)

    worker.follower.follow()

    with pytest.raises(ModelNotLoaded, match="version 2 is not signed"):
        worker.slot.current()
