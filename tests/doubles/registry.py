"""The model registry, in memory."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from doubles.gate_keys import SIGNER
from readmission.adapters.registry import ONNX_DIGEST, PREVIOUS, PRODUCTION, PROMOTION, ROLLED_BACK, ModelVersion
from readmission.domain.statement import PROMOTED
from readmission.errors import InvalidModel, NotFound, SourceUnavailable


class FakeRegistry:
    """A double of ``adapters.registry.ModelRegistry``; ``RegistryContract`` holds both.

    ``down`` makes it unreachable, ``failing`` only for the calls named in it. ``downloads`` are the versions whose
    file was asked for, ``files`` the model files by run, ``aliases`` what MLflow would have under each alias.
    """

    def __init__(self, model_name: str = "diabetes_classifier") -> None:
        self.model_name = model_name
        self.down = False
        self.failing: set[str] = set()
        self.downloads: list[str] = []
        self.files: dict[str, bytes] = {}
        self.aliases: dict[str, str] = {}
        self._versions: dict[str, ModelVersion] = {}

    def publish(self, onnx: bytes, **tags: str) -> ModelVersion:
        """Register a model file under a run of its own, sign it as promoted, and put it into production."""
        version = self.register(f"run-{len(self._versions) + 1}", onnx, tags)
        self.tag(version, SIGNER.sign(version, PROMOTED))
        self.promote(version)
        return self._versions[version.version]

    def withdraw(self) -> None:
        """Take the alias ``production`` away, as a person can in MLflow."""
        self.aliases.pop(PRODUCTION)

    def exchange(self, number: str, onnx: bytes) -> None:
        """Give a version another file with its digest, as anybody can who may write to MLflow; its tags stay."""
        found, digest = self._versions[number], hashlib.sha256(onnx).hexdigest()
        self.files[found.run_id] = onnx
        self._versions[number] = replace(found, onnx_digest=digest, tags=found.tags | {ONNX_DIGEST: digest})

    def production(self) -> ModelVersion | None:
        self._reach("production")
        return self._versions.get(self.aliases.get(PRODUCTION, ""))

    def previous(self) -> ModelVersion | None:
        self._reach("previous")
        return self._versions.get(self.aliases.get(PREVIOUS, ""))

    def version(self, number: str) -> ModelVersion:
        self._reach("version")
        if number not in self._versions:
            raise NotFound(f"{self.model_name} has no version {number}")
        return self._versions[number]

    def find(self, run_id: str) -> ModelVersion | None:
        self._reach("find")
        return next((version for version in self._versions.values() if version.run_id == run_id), None)

    def register(self, run_id: str, onnx: bytes, tags: dict[str, str]) -> ModelVersion:
        self._reach("register")
        if existing := self.find(run_id):
            return existing
        number, digest = str(len(self._versions) + 1), hashlib.sha256(onnx).hexdigest()
        self.files[run_id] = onnx
        version = ModelVersion(self.model_name, number, run_id, digest, datetime.now(UTC), tags | {ONNX_DIGEST: digest})
        self._versions[number] = version
        return version

    def download_onnx(self, version: ModelVersion) -> bytes:
        self._reach("download_onnx")
        self.downloads.append(version.version)
        if version.run_id not in self.files:
            raise InvalidModel(f"the file of version {version.version} is missing")
        data = self.files[version.run_id]
        if hashlib.sha256(data).hexdigest() != version.onnx_digest:
            raise InvalidModel(f"the file of version {version.version} has another digest than its tag")
        return data

    def promote(self, version: ModelVersion) -> None:
        self._reach("promote")
        current = self.aliases.get(PRODUCTION)
        if current == version.version:
            return
        if current:
            self.aliases[PREVIOUS] = current
        self.aliases[PRODUCTION] = version.version

    def rollback(self, withdrawn: ModelVersion, restored: ModelVersion) -> None:
        self._reach("rollback")
        self.tag(withdrawn, {PROMOTION: ROLLED_BACK})
        self.aliases = {PRODUCTION: restored.version}

    def tag(self, version: ModelVersion, tags: dict[str, str]) -> None:
        self._reach("tag")
        found = self._versions[version.version]
        self._versions[version.version] = replace(found, tags=found.tags | tags)

    def _reach(self, call: str) -> None:
        if self.down or call in self.failing:
            raise SourceUnavailable("the registry does not answer")
