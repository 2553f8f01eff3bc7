"""The MLflow model registry: versions, aliases, tags, and model files that are checked against their digest.

It imports only what mlflow-skinny has, since the inference server installs that.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
from mlflow import MlflowClient
from mlflow.entities import FileInfo
from mlflow.entities.model_registry import ModelVersion as MlflowVersion
from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS, MlflowException

from readmission.errors import InvalidModel, NotFound, SourceUnavailable, Unauthorized

PRODUCTION = "production"
PREVIOUS = "previous"
MODEL_PATH = "model"
ONNX_FILE = "model.onnx"
ONNX_DIGEST = "onnx_digest"
PROMOTION = "promotion"
ROLLED_BACK = "rolled_back"

# the registry's errors for an unknown version and for an unknown alias
_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
_CREDENTIALS = re.compile(r"//[^/\s@]+@")
_REFUSED = frozenset({401, 403})


@dataclass(frozen=True)
class ModelVersion:
    """One version of the registered model; ``onnx_digest`` is the sha256 of its model file, empty without one."""

    name: str
    version: str
    run_id: str
    onnx_digest: str
    created_at: datetime
    tags: dict[str, str]


class ModelRegistry:
    """The versions of one registered model.

    Every method raises :class:`Unauthorized` when MLflow refuses this account, and :class:`SourceUnavailable` when it
    cannot be reached or refuses the request.
    """

    def __init__(self, tracking_uri: str, model_name: str) -> None:
        """Raises :class:`SourceUnavailable` for a ``tracking_uri`` that MLflow does not support."""
        self._client = mlflow_client(tracking_uri)
        self.model_name = model_name

    def production(self) -> ModelVersion | None:
        """The version with the alias ``production``; None when there is none."""
        return self._by_alias(PRODUCTION)

    def previous(self) -> ModelVersion | None:
        """The version with the alias ``previous``, which was in production before; None when there is none."""
        return self._by_alias(PREVIOUS)

    def version(self, number: str) -> ModelVersion:
        """The version with this number; raises :class:`NotFound` when there is none."""
        with mlflow_errors():
            try:
                return _model_version(self._client.get_model_version(self.model_name, number))
            except MlflowException as error:
                if error.error_code not in _ABSENT:
                    raise
                raise NotFound(f"{self.model_name} has no version {number}") from error

    def find(self, run_id: str) -> ModelVersion | None:
        """The version that was registered from an MLflow run: the lowest number if there are several, None if none."""
        with mlflow_errors():
            found = self._client.search_model_versions(f"name='{self.model_name}' and run_id='{run_id}'")
        return min(map(_model_version, found), key=lambda version: int(version.version), default=None)

    def register(self, run_id: str, onnx: bytes, tags: dict[str, str]) -> ModelVersion:
        """Upload the model file to the run and register a version; a run that has a version keeps it."""
        if existing := self.find(run_id):
            return existing
        with mlflow_errors():
            self._upload(run_id, onnx)
            self._create_model()
            # the version is created with its tags, so that no reader sees it without its digest
            created = self._client.create_model_version(
                self.model_name,
                f"runs:/{run_id}/{MODEL_PATH}",
                run_id,
                tags=tags | {ONNX_DIGEST: hashlib.sha256(onnx).hexdigest()},
            )
        return _model_version(created)

    def download_onnx(self, version: ModelVersion) -> bytes:
        """The model file of a version; raises :class:`InvalidModel` when it is missing or its digest differs."""
        if not version.onnx_digest:
            raise InvalidModel(f"{version.name} version {version.version} was registered without a model file")
        with tempfile.TemporaryDirectory() as folder, mlflow_errors():
            data = self._download(version, Path(folder))
        if hashlib.sha256(data).hexdigest() != version.onnx_digest:
            raise InvalidModel(f"the file of {version.name} version {version.version} has another digest than its tag")
        return data

    def promote(self, version: ModelVersion) -> None:
        """Put a version into production; the one that it replaces becomes ``previous``.

        Calling it again changes nothing.
        """
        current = self.production()
        if current and current.version == version.version:
            return
        with mlflow_errors():
            # in this order, a kill between the two calls leaves the old version in production
            if current:
                self._client.set_registered_model_alias(self.model_name, PREVIOUS, current.version)
            self._client.set_registered_model_alias(self.model_name, PRODUCTION, version.version)

    def rollback(self, withdrawn: ModelVersion, restored: ModelVersion) -> None:
        """Put ``restored`` into production, and tag ``withdrawn`` as rolled back; there is no ``previous`` afterwards.

        Calling it again changes nothing.
        """
        self.tag(withdrawn, {PROMOTION: ROLLED_BACK})
        with mlflow_errors():
            self._client.set_registered_model_alias(self.model_name, PRODUCTION, restored.version)
            self._client.delete_registered_model_alias(self.model_name, PREVIOUS)

    def tag(self, version: ModelVersion, tags: dict[str, str]) -> None:
        """Set tags of a version; its other tags stay."""
        with mlflow_errors():
            for key, value in tags.items():
                self._client.set_model_version_tag(version.name, version.version, key, value)

    def _by_alias(self, alias: str) -> ModelVersion | None:
        with mlflow_errors():
            try:
                return _model_version(self._client.get_model_version_by_alias(self.model_name, alias))
            except MlflowException as error:
                if error.error_code not in _ABSENT:
                    raise
                return None

    def _download(self, version: ModelVersion, folder: Path) -> bytes:
        try:
            path = self._client.download_artifacts(version.run_id, f"{MODEL_PATH}/{ONNX_FILE}", str(folder))
        except (MlflowException, requests.RequestException, OSError):
            # MLflow reports a missing file like a server that fails
            if any(item.path == f"{MODEL_PATH}/{ONNX_FILE}" for item in self._files(version)):
                raise
            raise InvalidModel(f"the file of {version.name} version {version.version} is missing") from None
        return Path(path).read_bytes()

    def _files(self, version: ModelVersion) -> list[FileInfo]:
        return list(self._client.list_artifacts(version.run_id, MODEL_PATH))

    def _upload(self, run_id: str, onnx: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ONNX_FILE
            path.write_bytes(onnx)
            self._client.log_artifact(run_id, str(path), MODEL_PATH)

    def _create_model(self) -> None:
        try:
            self._client.create_registered_model(self.model_name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _model_version(found: MlflowVersion) -> ModelVersion:
    tags = {str(key): str(value) for key, value in found.tags.items()}
    return ModelVersion(
        name=found.name,
        version=str(found.version),
        run_id=str(found.run_id),
        onnx_digest=tags.get(ONNX_DIGEST, ""),
        created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        tags=tags,
    )


def mlflow_client(tracking_uri: str) -> MlflowClient:
    """A client of tracking and registry; raises :class:`SourceUnavailable` for a URI that MLflow does not support."""
    with mlflow_errors():
        return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


@contextmanager
def mlflow_errors() -> Iterator[None]:
    """Translate errors of MLflow and its connection, without credentials of a URI.

    An account that MLflow refuses is :class:`Unauthorized`; everything else is :class:`SourceUnavailable`.
    """
    try:
        yield
    except (MlflowException, requests.RequestException, OSError) as error:
        reason = _CREDENTIALS.sub("//", str(error))
        if _http_status(error) in _REFUSED:
            raise Unauthorized(f"MLflow refuses this account: {reason}") from error
        raise SourceUnavailable(f"MLflow did not do what was asked: {reason}") from error


def _http_status(error: Exception) -> int | None:
    """The status of MLflow's answer; that of a file is in the exception of ``requests``. None without an answer."""
    if isinstance(error, MlflowException):
        return ERROR_CODE_TO_HTTP_STATUS.get(error.error_code)
    response = getattr(error, "response", None)
    return None if response is None else int(response.status_code)
