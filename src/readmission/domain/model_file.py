"""The contract of a model file: its one input, its one output, and what it says about itself."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from readmission.domain.encoding import ENCODING_DIGEST
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import InvalidModel

# (n, len(FEATURES)) float32 as encoding.encode gives it, NaN = unknown; (n, 2) float32, the second column is the risk
INPUT = "features"
OUTPUT = "probabilities"

# a model file whose probabilities are this far from its pipeline's is never promoted
PARITY_LIMIT = 1e-4


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
