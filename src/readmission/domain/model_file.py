"""The contract of a model file: its input, its output and its metadata."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from readmission.domain.encoding import ENCODING_DIGEST
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import InvalidModel

# the input is (n, len(FEATURES)) float32 of encoding.encode; the output is (n, 2) float32, its second column the risk
INPUT = "features"
OUTPUT = "probabilities"
# the property that holds the background of domain.background; files of earlier releases have none
BACKGROUND = "background"

# the probabilities of a model file and its pipeline must differ by less than this
PARITY_LIMIT = 1e-4


@dataclass(frozen=True)
class ModelFileMetadata:
    """The metadata of a model file. The three limits are probabilities from 0 to 1. ``trained_at`` is in UTC.

    The prediction is 1 from ``threshold`` on. The risk is low below ``risk_band_medium``, and high from
    ``risk_band_high`` on.
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
        """The metadata as strings, with the names and the digest of the feature encoding of this release."""
        own = {name: str(value) for name, value in vars(self).items()}
        return own | {
            "calibrated": "true" if self.calibrated else "false",
            "trained_at": self.trained_at.isoformat(),
            "encoding_digest": ENCODING_DIGEST,
            "features": json.dumps(FEATURE_NAMES),
        }

    @classmethod
    def from_properties(cls, properties: dict[str, str]) -> Self:
        """Read the metadata of a model file.

        Raises :class:`InvalidModel` when a property is missing or malformed, when a limit is not a probability, or when
        the model was trained with another feature encoding.
        """
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
            raise InvalidModel(f"the model file's metadata has a missing or malformed value: {error}") from error
        cut_offs = (metadata.threshold, metadata.risk_band_medium, metadata.risk_band_high)
        if not all(0 <= cut_off <= 1 for cut_off in cut_offs) or metadata.risk_band_medium > metadata.risk_band_high:
            raise InvalidModel("the model file's threshold and risk bands are not ordered probabilities")
        return metadata
