"""Keep a worker on the version in production: poll, load beside the live model, smoke-test, swap."""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import ModelVersion
from readmission.errors import InvalidModel, NotFound, ReadmissionError, SourceUnavailable
from readmission.log import get_logger
from readmission.serving.live_model import LiveModel, ModelSlot, smoke_test
from readmission.serving.metrics import Metrics
from readmission.serving.model_cache import ModelCache

FIRST_RETRY_SECONDS = 1.0
GLANCE_SECONDS = 0.5
LONGEST_REFUSAL_SECONDS = 3600.0

log = get_logger(__name__)


class Registry(Protocol):
    """What the follower needs of ``adapters.registry.ModelRegistry``."""

    @property
    def model_name(self) -> str: ...

    def production(self) -> ModelVersion | None: ...

    def download_onnx(self, version: ModelVersion) -> bytes: ...


@dataclass(frozen=True)
class Refusal:
    """A version that could not be loaded, how often, and when it is worth another try (monotonic seconds)."""

    version: ModelVersion
    times: int
    retry_at: float


class ReloadSignal:
    """A file whose content changes when one worker was told to reload: its siblings see it and follow."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen = self._content()

    def pending(self) -> bool:
        """Whether another worker raised it since it was last taken."""
        return self._content() != self._seen

    def take(self) -> bool:
        """As :meth:`pending`, and be done with it."""
        content = self._content()
        changed, self._seen = content != self._seen, content
        return changed

    def raise_for_siblings(self) -> None:
        if self._path is not None:
            self._seen = uuid.uuid4().hex
            self._path.write_text(self._seen)

    def _content(self) -> str:
        try:
            return self._path.read_text() if self._path else ""
        except FileNotFoundError:
            return ""


class ModelFollower:
    """Brings one slot to the version in production; its methods may be called from any thread."""

    def __init__(
        self,
        registry: Registry,
        slot: ModelSlot,
        cache: ModelCache,
        metrics: Metrics,
        *,
        poll_seconds: float,
        signal: ReloadSignal,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._slot = slot
        self._cache = cache
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._signal = signal
        self._clock = clock
        self._refusal: Refusal | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._tried = threading.Event()

    def run(self) -> None:
        """Follow until :meth:`stop`; a failure is logged and tried again, sooner while there is no model at all."""
        wait = FIRST_RETRY_SECONDS
        while not self._stop.is_set():
            self.follow(insist=self._signal.take())
            self._tried.set()
            waiting_for_first = self._slot.live is None
            self._pause(min(wait, self._poll_seconds) if waiting_for_first else self._poll_seconds)
            wait = wait * 2 if waiting_for_first else FIRST_RETRY_SECONDS

    def wait_first_try(self, seconds: float) -> None:
        """Wait until the first attempt to load a model has ended, well or not, or ``seconds`` have gone by."""
        self._tried.wait(seconds)

    def stop(self) -> None:
        self._stop.set()

    def reload(self) -> tuple[LiveModel | None, LiveModel]:
        """Load the version in production now and tell the siblings; the model before and after.

        Raises :class:`NotFound` when none is in production, :class:`InvalidModel` or :class:`SourceUnavailable`; the
        live model is then served on.
        """
        before, after = self._follow(insist=True)
        self._signal.raise_for_siblings()
        return before, after

    def follow(self, *, insist: bool = False) -> None:
        """Be on the version in production, as far as possible now; ``insist`` tries a refused version again at once."""
        try:
            self._follow(insist=insist)
        except NotFound as error:
            # the registry was asked and has none: a model from an earlier life must not come back
            log.warning("no model to follow", reason=str(error), serving=self._serving())
        except ReadmissionError as error:
            log.warning("model not followed", reason=str(error), serving=self._serving())
            self._fall_back()
        except Exception:
            # this thread must outlive whatever the registry's client comes up with
            log.exception("model not followed", serving=self._serving())
            self._fall_back()

    def _follow(self, *, insist: bool) -> tuple[LiveModel | None, LiveModel]:
        with self._lock:
            before = self._slot.live
            try:
                after = self._production(before, insist=insist)
            except Exception as error:
                self._slot.stale = True
                if isinstance(error, SourceUnavailable):
                    self._metrics.reloads.labels("unavailable").inc()
                raise
            self._slot.stale = False
            return before, after

    def _production(self, live: LiveModel | None, *, insist: bool) -> LiveModel:
        version = self._registry.production()
        if version is None:
            raise NotFound(f"no version of {self._registry.model_name} is in production")
        if live and _same(live.version, version):
            return live
        refusal = self._refusal if self._refusal and _same(self._refusal.version, version) else None
        if refusal and not insist and self._clock() < refusal.retry_at:
            raise InvalidModel(f"version {version.version} could not be loaded; it is not tried again yet")
        try:
            return self._load(version, self._cache.read(version.onnx_digest) or self._registry.download_onnx(version))
        except InvalidModel:
            self._metrics.reloads.labels("invalid").inc()
            self._refuse(version, refusal)
            raise

    def _load(self, version: ModelVersion, data: bytes) -> LiveModel:
        model = OnnxModel.from_bytes(data)
        smoke_test(model)
        live = LiveModel(version, model, datetime.now(UTC))
        previous, self._slot.live = self._slot.live, live
        self._cache.remember(version, data)
        self._metrics.model_swapped(previous, live)
        self._metrics.reloads.labels("loaded").inc()
        log.info("model loaded", name=version.name, version=version.version, data_source=model.metadata.data_source)
        return live

    def _refuse(self, version: ModelVersion, before: Refusal | None) -> None:
        times = before.times + 1 if before else 1
        delay = min(self._poll_seconds * 2**times, LONGEST_REFUSAL_SECONDS)
        self._refusal = Refusal(version, times, self._clock() + delay)

    def _fall_back(self) -> None:
        """With no model at all, serve the one that was served last; it stays marked as stale."""
        with self._lock:
            version = None if self._slot.live else self._cache.last()
            data = self._cache.read(version.onnx_digest) if version else None
            if version is None or data is None:
                return
            try:
                self._load(version, data)
            except InvalidModel as error:
                log.warning("cached model not usable", version=version.version, reason=str(error))

    def _pause(self, seconds: float) -> None:
        """Wait about ``seconds`` (the workers must not all ask at once), less when stopped or signalled."""
        until = self._clock() + seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter is no secret
        while (left := until - self._clock()) > 0:
            if self._stop.wait(min(left, GLANCE_SECONDS)) or self._signal.pending():
                return

    def _serving(self) -> str | None:
        return self._slot.live.version.version if self._slot.live else None


def _same(one: ModelVersion, other: ModelVersion) -> bool:
    return (one.name, one.version, one.onnx_digest) == (other.name, other.version, other.onnx_digest)
