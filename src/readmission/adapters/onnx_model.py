"""A model file in memory: what serving runs and what the promotion gate measures. Needs only numpy and ONNX Runtime."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
import onnxruntime as ort

from readmission.domain.encoding import ENCODING_DIGEST
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import InvalidModel

INPUT = "features"
OUTPUT = "probabilities"


@dataclass(frozen=True)
class ModelFileMetadata:
    """What a model file says about itself; probabilities between 0 and 1, ``trained_at`` in UTC.

    ``threshold`` separates prediction 0 from 1 (>=); below ``risk_band_medium`` the risk is low, from
    ``risk_band_high`` on it is high.
    """

    target: str
    threshold: float
    risk_band_medium: float
    risk_band_high: float
    data_source: str
    candidate: str
    calibrated: bool
    dataset_digest: str
    trained_at: datetime

    def properties(self) -> dict[str, str]:
        """As strings for the file's metadata, with the encoding that the model was trained with."""
        own = {name: str(value) for name, value in vars(self).items()}
        return own | {
            "calibrated": "true" if self.calibrated else "false",
            "trained_at": self.trained_at.isoformat(),
            "encoding_digest": ENCODING_DIGEST,
            "features": json.dumps(FEATURE_NAMES),
        }

    @classmethod
    def from_properties(cls, properties: dict[str, str]) -> Self:
        """Raises :class:`InvalidModel` when a property is missing, malformed, or of another encoding."""
        if properties.get("encoding_digest") != ENCODING_DIGEST:
            raise InvalidModel("the model was trained with another encoding of the features than this release has")
        try:
            metadata = cls(
                target=properties["target"],
                threshold=float(properties["threshold"]),
                risk_band_medium=float(properties["risk_band_medium"]),
                risk_band_high=float(properties["risk_band_high"]),
                data_source=properties["data_source"],
                candidate=properties["candidate"],
                calibrated={"true": True, "false": False}[properties["calibrated"]],
                dataset_digest=properties["dataset_digest"],
                trained_at=datetime.fromisoformat(properties["trained_at"]),
            )
        except (KeyError, ValueError) as error:
            raise InvalidModel(f"the model file's metadata lacks or garbles {error}") from error
        cut_offs = (metadata.threshold, metadata.risk_band_medium, metadata.risk_band_high)
        if not all(0 <= cut_off <= 1 for cut_off in cut_offs) or metadata.risk_band_medium > metadata.risk_band_high:
            raise InvalidModel("the model file's threshold and risk bands are not ordered probabilities")
        return metadata


class OnnxModel:
    """A checked model file, ready to predict; safe to share between threads."""

    def __init__(self, session: ort.InferenceSession, metadata: ModelFileMetadata) -> None:
        self._session = session
        self.metadata = metadata

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Load and check a model file; raises :class:`InvalidModel` when it breaks the file contract."""
        try:
            session = ort.InferenceSession(data, _session_options(), providers=["CPUExecutionProvider"])
        except Exception as error:
            raise InvalidModel(f"the model file cannot be loaded: {type(error).__name__}") from error
        _check_shape(session)
        metadata = ModelFileMetadata.from_properties(dict(session.get_modelmeta().custom_metadata_map))
        return cls(session, metadata)

    def predict_probability(self, matrix: np.ndarray) -> np.ndarray:
        """The probability of readmission of each row: ``(n, len(FEATURES))`` float32 to ``(n,)`` float32."""
        (probabilities,) = self._session.run([OUTPUT], {INPUT: matrix})
        return np.asarray(probabilities[:, 1])


def _session_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    # the server's parallelism is its workers; a pool for each model would fight them for the cores
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _check_shape(session: ort.InferenceSession) -> None:
    inputs = [(item.name, item.type, item.shape[1:]) for item in session.get_inputs()]
    if inputs != [(INPUT, "tensor(float)", [len(FEATURE_NAMES)])]:
        raise InvalidModel(f"the model takes {inputs}, not {len(FEATURE_NAMES)} floats named {INPUT}")
    outputs = {item.name: (item.type, item.shape[1:]) for item in session.get_outputs()}
    if outputs.get(OUTPUT) != ("tensor(float)", [2]):
        raise InvalidModel(f"the model gives {outputs}, not two floats named {OUTPUT}")
