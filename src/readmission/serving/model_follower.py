"""Keeps a slot on the production version: polls the registry, loads and tests a new version, then swaps it in."""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.horizon import HorizonName
from readmission.errors import (
    InvalidModel,
    MissingSetting,
    NotFound,
    ReadmissionError,
    SourceUnavailable,
    Unauthorized,
    UntrustedModel,
)
from readmission.log import get_logger
from readmission.serving.live_model import LiveModel, ModelSlot, check_horizon, smoke_test
from readmission.serving.metrics import Metrics
from readmission.serving.model_cache import ModelCache

FIRST_RETRY_SECONDS = 1.0
GLANCE_SECONDS = 0.5
LONGEST_REFUSAL_SECONDS = 3600.0
# how an attempt that ends before the load counts in the metrics
RESULTS = {
    SourceUnavailable: "unavailable",
    Unauthorized: "unavailable",
    UntrustedModel: "untrusted",
    MissingSetting: "untrusted",
}

log = get_logger(__name__)


class Registry(Protocol):
    """The part of ``adapters.registry.ModelRegistry`` that the follower uses."""

    @property
    def model_name(self) -> str:
        """The name of the registered model."""

    def production(self) -> ModelVersion | None:
        """The version in production, or None.

        Raises :class:`SourceUnavailable` when the registry does not answer, and :class:`Unauthorized` when it refuses.
        """

    def download_onnx(self, version: ModelVersion) -> bytes:
        """The model file. Raises :class:`InvalidModel` when it does not have the version's digest."""


@dataclass(frozen=True)
class Refusal:
    """A version that failed to load ``times`` times. ``retry_at`` is in seconds of the follower's clock."""

    version: ModelVersion
    times: int
    retry_at: float


class ReloadSignal:
    """Tells the other workers to reload by changing a shared file. Without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen = self._content()

    def pending(self) -> bool:
        """Whether another worker has raised the signal since the last :meth:`take`."""
        return self._content() != self._seen

    def take(self) -> bool:
        """Return :meth:`pending` and mark the signal as seen."""
        content = self._content()
        changed, self._seen = content != self._seen, content
        return changed

    def raise_for_siblings(self) -> None:
        """Tell the other workers to reload. This worker does not see its own signal."""
        if self._path is not None:
            self._seen = uuid.uuid4().hex
            self._path.write_text(self._seen)

    def _content(self) -> str:
        try:
            return self._path.read_text() if self._path else ""
        except FileNotFoundError:
            return ""


class ModelFollower:
    """Loads the production version of one registered model into one slot. Its methods are thread-safe."""

    def __init__(
        self,
        registry: Registry,
        slot: ModelSlot,
        cache: ModelCache,
        metrics: Metrics,
        *,
        trusted: TrustedKeys,
        poll_seconds: float,
        signal: ReloadSignal,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._slot = slot
        self._cache = cache
        self._metrics = metrics
        self._trusted = trusted
        self._poll_seconds = poll_seconds
        self._signal = signal
        self._clock = clock
        self._refusal: Refusal | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._looked = threading.Event()
        self._tried = threading.Event()
        # whether the live model came from the disk, and the registry has not been asked since
        self._unconfirmed = False
        self._unanswered = False
        metrics.follows(slot.horizon)

    @property
    def horizon(self) -> HorizonName:
        """What the model in the slot predicts."""
        return self._slot.horizon

    def run(self) -> None:
        """Load the model from the disk, then poll the registry until :meth:`stop`.

        A failure is logged and tried again at the next poll. While no model is loaded, or when the registry did not
        answer, polls come sooner: what one worker was told to load, each must load.
        """
        self.load_cached()
        self._looked.set()
        wait = FIRST_RETRY_SECONDS
        while not self._stop.is_set():
            self.follow(insist=self._signal.take())
            self._tried.set()
            in_need = self._slot.live is None or self._unanswered
            self._pause(min(wait, self._poll_seconds) if in_need else self._poll_seconds)
            wait = wait * 2 if in_need else FIRST_RETRY_SECONDS

    @property
    def serves(self) -> bool:
        """Whether the slot holds a model."""
        return self._slot.live is not None

    def wait_cached(self, seconds: float) -> None:
        """Wait until the model on the disk was loaded or found unusable, but at most ``seconds``."""
        self._looked.wait(seconds)

    def wait_first_try(self, seconds: float) -> None:
        """Wait until the registry was asked for the first time, successfully or not, but at most ``seconds``."""
        self._tried.wait(seconds)

    def stop(self) -> None:
        """End :meth:`run` soon. A load that has begun is finished first."""
        self._stop.set()

    def reload(self) -> tuple[LiveModel | None, LiveModel]:
        """Load the production version now and tell the other workers. Returns the model before and after.

        Raises :class:`NotFound` when no version is in production, :class:`UntrustedModel` when it is not signed as
        promoted, :class:`InvalidModel` when it cannot be loaded, and :class:`SourceUnavailable` when the registry does
        not answer or refuses this server's account. The live model then stays in place.
        """
        try:
            before, after = self._follow(insist=True)
        except Unauthorized as error:
            # the caller of /reload-model would take it for a refusal of its own key
            raise SourceUnavailable(str(error)) from error
        self._signal.raise_for_siblings()
        return before, after

    def follow(self, *, insist: bool = False) -> None:
        """Load the production version if the registry can be reached. Errors are logged, not raised.

        ``insist`` tries a version that failed before again without waiting.
        """
        try:
            self._follow(insist=insist)
        except NotFound as error:
            # the registry answered that there is none, so the cached model must not be used
            self._withdraw_cached()
            log.warning("no model in production", **self._event(error))
        except ReadmissionError as error:
            log.warning("production model not loaded", **self._event(error))
            self.load_cached()
        except Exception as error:
            # no error of the registry's client may end this thread
            log.exception("production model not loaded", **self._event(error))
            self.load_cached()

    def _follow(self, *, insist: bool) -> tuple[LiveModel | None, LiveModel]:
        with self._lock:
            before = self._slot.live
            try:
                after = self._production(before, insist=insist)
            except Exception as error:
                self._slot.stale = True
                self._unanswered = isinstance(error, SourceUnavailable)
                self._slot.refusal = str(error) if isinstance(error, InvalidModel | MissingSetting) else ""
                if result := next((RESULTS[kind] for kind in RESULTS if isinstance(error, kind)), None):
                    self._metrics.reloads.labels(self.horizon, result).inc()
                raise
            self._slot.stale, self._slot.refusal, self._unconfirmed = False, "", False
            self._unanswered = False
            return before, after

    def _production(self, live: LiveModel | None, *, insist: bool) -> LiveModel:
        version = self._registry.production()
        if version is None:
            raise NotFound(f"no version of {self._registry.model_name} is in production")
        # at every poll, since it is cheap: a version that a person signs is loaded at the next one
        self._check_signature(version)
        if live and _same(live.version, version):
            return self._described(live, version)
        refusal = self._refusal if self._refusal and _same(self._refusal.version, version) else None
        if refusal and not insist and self._clock() < refusal.retry_at:
            raise InvalidModel(f"{version.name} version {version.version} failed to load; it will be tried again later")
        try:
            data = self._cache.read(version.onnx_digest) or self._registry.download_onnx(version)
            loaded = self._load(version, data)
        except InvalidModel:
            self._metrics.reloads.labels(self.horizon, "invalid").inc()
            self._refuse(version, refusal)
            raise
        self._cache.remember(version, data)
        return loaded

    def _described(self, live: LiveModel, version: ModelVersion) -> LiveModel:
        """The live model with the registry's newest description, which the cache then holds too."""
        if live.version.tags == version.tags:
            return live
        # without this, a restart without the registry would find a signature by a key that is no longer trusted
        if data := self._cache.read(version.onnx_digest):
            self._cache.remember(version, data)
        self._slot.live = replace(live, version=version)
        return self._slot.live

    def _check_signature(self, version: ModelVersion) -> None:
        if version.name != self._registry.model_name:
            raise UntrustedModel(f"{version.name} is another model than {self._registry.model_name}")
        self._trusted.check(version)

    def _load(self, version: ModelVersion, data: bytes) -> LiveModel:
        model = self._checked(version, data)
        live = LiveModel(version, model, datetime.now(UTC))
        previous, self._slot.live = self._slot.live, live
        self._metrics.model_swapped(previous, live)
        self._metrics.reloads.labels(self.horizon, "loaded").inc()
        log.info("model loaded", name=version.name, version=version.version, data_source=model.metadata.data_source)
        return live

    def _checked(self, version: ModelVersion, data: bytes) -> OnnxModel:
        try:
            model = OnnxModel.from_bytes(data)
            check_horizon(model, self.horizon)
            smoke_test(model)
            # made here, beside the live model: the first request would wait for them
            _ = model.tables
        except InvalidModel as error:
            raise InvalidModel(f"{version.name} version {version.version} cannot be served: {error}") from error
        return model

    def _refuse(self, version: ModelVersion, before: Refusal | None) -> None:
        times = before.times + 1 if before else 1
        delay = min(self._poll_seconds * 2**times, LONGEST_REFUSAL_SECONDS)
        self._refusal = Refusal(version, times, self._clock() + delay)

    def load_cached(self) -> None:
        """When no model is loaded, serve the one that was served last, as stale. Errors are logged, not raised."""
        with self._lock:
            version = None if self._slot.live else self._cache.last()
            data = self._cache.read(version.onnx_digest) if version else None
            if version is None or data is None:
                return
            try:
                self._check_signature(version)
                self._load(version, data)
            except (InvalidModel, MissingSetting) as error:
                log.warning("cached model not usable", version=version.version, reason=str(error))
            else:
                self._unconfirmed = True

    def _withdraw_cached(self) -> None:
        """Serve no model that only the disk has called good, now that the registry says there is none."""
        with self._lock:
            if self._unconfirmed:
                self._metrics.model_swapped(self._slot.live, None)
                self._slot.live, self._unconfirmed = None, False

    def _pause(self, seconds: float) -> None:
        """Wait ``seconds``, or until a stop or a signal. The jitter keeps workers from polling at the same time."""
        until = self._clock() + seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter needs no secure random numbers
        while (left := until - self._clock()) > 0:
            if self._stop.wait(min(left, GLANCE_SECONDS)) or self._signal.pending():
                return

    def _event(self, error: Exception) -> dict[str, str | None]:
        serving = self._slot.live.version.version if self._slot.live else None
        return {"name": self._registry.model_name, "reason": str(error), "serving": serving}


def _same(one: ModelVersion, other: ModelVersion) -> bool:
    return (one.name, one.version, one.onnx_digest) == (other.name, other.version, other.onnx_digest)
