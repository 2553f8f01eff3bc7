"""A client of the inference API, for the clinician's page, the pipeline and the native run."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from readmission.domain.horizon import HORIZON_NAMES, HorizonName
from readmission.errors import (
    InvalidInput,
    InvalidModel,
    ModelNotLoaded,
    NotFound,
    ReadmissionError,
    SourceUnavailable,
    TooLarge,
    Unauthorized,
)
from readmission.http_contract import API_KEY_HEADER

ERRORS: dict[int, type[ReadmissionError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    413: TooLarge,
    502: InvalidModel,
    503: ModelNotLoaded,
}
REFUSED = frozenset({400, 409, 415, 422})


class InferenceApi:
    """A client of one inference API.

    Every method raises :class:`SourceUnavailable` when there is no answer or it is not an inference API's,
    :class:`Unauthorized` without a valid key, and :class:`ModelNotLoaded` while the model that it needs is not loaded:
    that of the primary horizon, unless it is asked about another one. A horizon that the service does not have is
    :class:`NotFound`.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: SecretStr | None = None,
        admin_api_key: SecretStr | None = None,
        timeout: float = 30,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``api_key`` is sent with predictions, ``admin_api_key`` with ``reload_model``; ``timeout`` is in seconds.

        Raises :class:`InvalidInput` for an invalid URL.
        """
        self._key = _headers(api_key)
        self._admin_key = _headers(admin_api_key)
        # trust_env=False: an internal service is not reached through a proxy that the environment names
        limits = httpx.Timeout(timeout, connect=min(timeout, 5))
        try:
            self._client = httpx.Client(base_url=url, timeout=limits, transport=transport, trust_env=False)
        except httpx.InvalidURL as error:
            raise InvalidInput(f"the inference API's URL cannot be used: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._client.close()

    def health(self) -> bool:
        """True when the service answers, with or without a model."""
        self._call("GET", "/health")
        return True

    def ready(self) -> bool:
        """Whether the primary horizon's model is loaded."""
        try:
            self._call("GET", "/ready")
        except ModelNotLoaded:
            return False
        return True

    def ready_horizons(self) -> list[dict[str, Any]]:
        """The loaded models, the primary horizon's first: horizon, model_name and model_version of each."""
        return list(self._call("GET", "/ready")["horizons"])

    def model_info(self, horizon: HorizonName | None = None) -> dict[str, Any]:
        """The model of a horizon, by default the primary one.

        It has name, version, stale, metrics, data_source, calibrated, horizon, threshold, ...
        """
        return self._call("GET", "/model-info", params=_of(horizon))

    def models(self) -> dict[HorizonName, dict[str, Any] | None]:
        """What :meth:`model_info` says of each horizon that the service has, the primary first; None: no model."""
        primary = self.model_info()
        models: dict[HorizonName, dict[str, Any] | None] = {primary["horizon"]: primary}
        for horizon in HORIZON_NAMES:
            if horizon not in models:
                with suppress(NotFound):
                    models[horizon] = self._model_or_none(horizon)
        return models

    def predict(self, encounter: Mapping[str, Any]) -> dict[str, Any]:
        """The risks of one encounter: prediction_id, the primary horizon's prediction, probability, ..., and ``risks``.

        Raises :class:`InvalidInput`, whose ``problems`` name each invalid field.
        """
        return self._call("POST", "/predict", headers=self._key, json=dict(encounter))

    def predict_batch(self, encounters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The risks of many encounters: ``predictions`` in their order, each with its index and a score or errors.

        Raises :class:`InvalidInput` for an empty list, and :class:`TooLarge` for too many encounters.
        """
        return self._call("POST", "/predict_batch", headers=self._key, json=[dict(row) for row in encounters])

    def reload_model(self, horizon: HorizonName | None = None) -> dict[str, Any]:
        """Make the service load the production version of a horizon, by default of every horizon.

        Returns model_name, previous_version and model_version, of the primary horizon by default, and ``models`` with
        the same of each horizon. Raises :class:`NotFound` when no version is in production, and :class:`InvalidModel`
        when it cannot be loaded. The service then keeps its present model.
        """
        try:
            return self._call("POST", "/reload-model", headers=self._admin_key, params=_of(horizon))
        except ModelNotLoaded as error:
            # on this route a 503 means that the registry cannot be reached
            raise SourceUnavailable(str(error)) from error

    def _model_or_none(self, horizon: HorizonName) -> dict[str, Any] | None:
        try:
            return self.model_info(horizon)
        except ModelNotLoaded:
            return None

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, **arguments)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceUnavailable(f"the inference API does not answer: {type(error).__name__}") from error
        document = _document(response)
        if response.is_success:
            return document
        raise _error(response.status_code, document)


def _of(horizon: HorizonName | None) -> dict[str, str]:
    return {"horizon": horizon} if horizon else {}


def _headers(key: SecretStr | None) -> dict[str, bytes]:
    # bytes, because httpx's error about a non-ASCII string would contain the key
    value = key.get_secret_value().strip().encode() if key else b""
    return {API_KEY_HEADER: value} if value else {}


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise SourceUnavailable(f"not an inference API's answer: HTTP status {response.status_code} without JSON")
    return document


def _error(status: int, problem: dict[str, Any]) -> ReadmissionError:
    detail = str(problem.get("detail", f"HTTP status {status}"))
    if status in REFUSED:
        return InvalidInput(detail, problem.get("errors", ()))
    return ERRORS.get(status, SourceUnavailable)(detail)
