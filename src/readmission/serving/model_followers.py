"""The followers of all horizons of a worker. Each follows its own registered model, so none waits for another."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from readmission.domain.horizon import HorizonName
from readmission.errors import NotFound
from readmission.serving.live_model import LiveModel
from readmission.serving.model_follower import ModelFollower

# ordinary answers take less
REGISTRY_SECONDS = 1.0
FIRST_MODEL_SECONDS = 5.0
LOAD_SECONDS = 10.0


@dataclass(frozen=True)
class Reloaded:
    """The model of a horizon before and after a reload."""

    horizon: HorizonName
    before: LiveModel | None
    after: LiveModel


class ModelFollowers:
    """One follower for each horizon, the primary first."""

    def __init__(self, followers: Sequence[ModelFollower]) -> None:
        self._followers = {follower.horizon: follower for follower in followers}

    def start(self) -> None:
        """Let each follow its model in a thread of its own."""
        for horizon, follower in self._followers.items():
            threading.Thread(target=follower.run, name=f"follower-{horizon}", daemon=True).start()

    def wait_ready(
        self, registry_seconds: float = REGISTRY_SECONDS, first_model_seconds: float = FIRST_MODEL_SECONDS
    ) -> None:
        """Wait until each has looked at the disk and then asked the registry once, but not long.

        A registry that is away or hangs costs at most ``registry_seconds`` when the disk had the primary horizon's
        model, and else ``first_model_seconds``.
        """
        for follower in self._followers.values():
            follower.wait_cached(LOAD_SECONDS)
        primary, *_ = self._followers.values()
        until = time.monotonic() + (registry_seconds if primary.serves else first_model_seconds)
        for follower in self._followers.values():
            follower.wait_first_try(max(until - time.monotonic(), 0))

    def stop(self) -> None:
        """End all threads soon."""
        for follower in self._followers.values():
            follower.stop()

    def reload(self, horizon: HorizonName) -> Reloaded:
        """Load the production version of one horizon now. Raises what ``ModelFollower.reload`` raises."""
        return Reloaded(horizon, *self._followers[horizon].reload())

    def reload_all(self) -> list[Reloaded]:
        """Load the production version of each horizon now, all at the same time; the primary comes first.

        Only a secondary horizon may have no version in production: it is left out. Any other error of
        ``ModelFollower.reload`` is raised when all were tried, so one horizon's failure does not stop the others.
        """
        with ThreadPoolExecutor(len(self._followers), thread_name_prefix="reload") as threads:
            primary, *others = [threads.submit(self.reload, horizon) for horizon in self._followers]
        return [primary.result(), *(done.result() for done in others if not _has_none(done))]


def _has_none(reload: Future[Reloaded]) -> bool:
    return isinstance(reload.exception(), NotFound)
