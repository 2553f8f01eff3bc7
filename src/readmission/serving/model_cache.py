"""Keeps the last loaded version of each model on local disk, so that a server can start without the registry."""

import hashlib
import json
import uuid
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from readmission.adapters.registry import ModelVersion
from readmission.log import get_logger

DESCRIPTION = "version.json"

log = get_logger(__name__)


class ModelCache:
    """A folder of its own for each registered model, with one model file, named by its digest, and its description.

    Files are written atomically, so several processes can share the folder.
    """

    def __init__(self, folder: Path, model_name: str) -> None:
        # only one's own folder is cleared of other files, so no model deletes the file of another
        self._folder = folder / model_name
        self._last = self._folder / DESCRIPTION

    def remember(self, version: ModelVersion, data: bytes) -> None:
        """Store a version as the last good one and delete the others. A full or read-only disk is only logged."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(self._model_file(version.onnx_digest), data)
            description = asdict(version) | {"created_at": version.created_at.isoformat()}
            self._write(self._last, json.dumps(description).encode())
            self._forget_all_but(version.onnx_digest)
        except OSError as error:
            log.warning("model not cached", version=version.version, reason=str(error))

    def last(self) -> ModelVersion | None:
        """The version that was served last, or None when there is none or its description is damaged."""
        try:
            found = json.loads(self._last.read_bytes())
            return ModelVersion(**found | {"created_at": datetime.fromisoformat(found["created_at"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("cached model not usable", reason=type(error).__name__)
            return None

    def read(self, digest: str) -> bytes | None:
        """The bytes of the model file with this sha256, or None when the file is missing or damaged."""
        try:
            data = self._model_file(digest).read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == digest else None

    def _model_file(self, digest: str) -> Path:
        # others can write the digest tag of a version, so it must not lead out of the folder
        return self._folder / f"{Path(digest).name}.onnx"

    def _write(self, path: Path, data: bytes) -> None:
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _forget_all_but(self, digest: str) -> None:
        for path in self._folder.glob("*.onnx"):
            if path != self._model_file(digest):
                path.unlink(missing_ok=True)
